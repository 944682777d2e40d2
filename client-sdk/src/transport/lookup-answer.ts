/** What a lookup at the cache server comes back with, for the proxy and for `client.fetch`. */
import type { HeaderList } from '@pannier/http-semantics';
import type { Generation } from '@pannier/proto/generation';

/** A request in its wire order: header values are latin1 strings, so that obs-text octets survive. */
export interface LookupRequest {
  readonly method: string;
  /** Absolute URL, as the caller wrote it. */
  readonly url: string;
  readonly headers: HeaderList;
}

/** The answer to a lookup. */
export type LookupAnswer = LookupResponse | LookupBypass;

/** A response with its head; the body is at hand or streams. */
export interface LookupResponse {
  readonly kind: 'response';
  readonly status: number;
  readonly headers: HeaderList;
  /** The server's named outcome, for example `hit`. */
  readonly outcome: string;
  /** `SERVICE_NAME:DATA_TYPE:ENDPOINT`; '' when nothing is stored. */
  readonly key: string;
  /** '' when nothing is stored. */
  readonly version: string;
  /** How long a near cache may reuse it, in milliseconds from its arrival; 0 when not at all. */
  readonly freshForMs: number;
  /** How far the server knew the invalidations when it judged the entry; undefined when nothing is stored, or when it does not know. */
  readonly generation?: Generation | undefined;
  /** The URL by which invalidations name the entry; '' when it is that of the request. */
  readonly entryUrl?: string;
  /** Undefined while unknown. */
  readonly bodyBytes: number | undefined;
  readonly body: LookupBody;
}

/** The body of a response. */
export type LookupBody =
  | { readonly kind: 'whole'; readonly bytes: Uint8Array }
  | {
      readonly kind: 'stream';
      /**
       * Reads the body once, from its start, with backpressure. It resumes on another replica by version and offset when a
       * connection breaks; when that fails it throws a `PannierError` with code `body-broken`. It never ends early as if whole.
       * The chunks are the reader's own.
       */
      read(signal: AbortSignal): AsyncIterable<Uint8Array>;
      /** Reads it once more, from an offset in bytes, by a call of its own; there while the version can be seen. */
      readFrom?(offset: number, signal: AbortSignal): AsyncIterable<Uint8Array>;
      /** Gives up a body that will not be read. */
      cancel(): void;
    };

/** The server neither has nor wants this response: ask the upstream directly. */
export interface LookupBypass {
  readonly kind: 'bypass';
  /** The named outcome, for example `bypass-uncacheable` or `undeclared-upstream`. */
  readonly reason: string;
  /** How long this may be remembered for the request's origin, in milliseconds; 0: not at all. */
  readonly rememberOriginMs: number;
}
