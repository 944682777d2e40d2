/** What `get-entry.ts` answers; rpc/ turns it into frames. */
import type { HeaderList, Outcome, StoringRefusal } from '@pannier/http-semantics';
import type { Generation } from '@pannier/proto/generation';
import type { EntryKey } from './entry-key.ts';

/** A request as the story sees it: method and absolute URL as strings, headers in order, latin1. */
export interface EntryRequest {
  readonly method: string;
  readonly url: string;
  readonly headers: HeaderList;
  /** True where `no-cache` is our own, and holds even where the upstream's settings ignore that of clients. */
  readonly isConfirming?: boolean;
  /** True where what is stored could not be read to its end: only another fetch is an answer. */
  readonly isStoredUnreadable?: boolean;
  /** True where the server itself asks, for a job or a dataset: it waits for a fetch however many do, and as long as that takes. */
  readonly isPatient?: boolean;
}

/** Who asks, by the connection (certificate or token), or by call metadata under `auth: none`. Never by a field of a request. */
export interface Caller {
  readonly identity: string;
}

/** The answer to a lookup. */
export type EntryAnswer = EntryResponse | EntryBypass;

/** A response, from the store or from a flight. */
export interface EntryResponse {
  readonly kind: 'response';
  readonly status: number;
  /** Ready for the caller: hop-by-hop fields removed, Age, Via and the server's Cache-Status member in place. */
  readonly headers: HeaderList;
  readonly outcome: Outcome;
  /** Undefined when nothing is stored under it. */
  readonly key: EntryKey | undefined;
  /** How long any caller may reuse it, in milliseconds from now; 0 when not at all. */
  readonly freshForMs: number;
  readonly body: EntryBody;
  /** Why it is not stored; undefined where it is, or where another server knows. */
  readonly refusal?: StoringRefusal | undefined;
  /** By which invalidations the entry was judged, or captured before its upstream was asked; undefined when nothing is stored. */
  readonly generation?: Generation | undefined;
  /** When the upstream was asked for what is stored, or confirmed it last, by the clock of who asked; undefined when nothing is stored. */
  readonly requestTimeMs?: number | undefined;
  /** By which invalidations name it; undefined when that is the URL of the request. */
  readonly url?: string | undefined;
}

/** The caller shall ask the upstream itself. */
export interface EntryBypass {
  readonly kind: 'bypass';
  readonly outcome: Outcome;
  /** How long the caller may remember this for the request's origin, in milliseconds; 0: not at all. */
  readonly rememberOriginMs: number;
}

/** A body that may be whole, stored, arriving or relayed. */
export interface EntryBody {
  /** Version of the content and name of its flight; what a ticket names. */
  readonly version: string;
  /** True when the version is, or will be, readable from the store. */
  readonly stored: boolean;
  /** Length in bytes; undefined while unknown. */
  readonly bodyBytes: number | undefined;
  /** The whole body, when it is at hand and at most `limits.inlineBytesMax` long. */
  readonly inline: Uint8Array | undefined;
  /**
   * Reads the body from an offset. Ends normally only when the body is complete; throws `CacheServerError`
   * ('upstream-truncated', 'reader-lagged', 'store', …) otherwise. Returning early gives up the reader's place.
   */
  open(offset: number, signal: AbortSignal): AsyncIterable<BodyPart>;
  /** Gives up a body that will not be opened. Needed for flights, which wait a little for their first readers; harmless otherwise. */
  release(): void;
}

/** A step of a body. */
export type BodyPart = RawPart | FramePart;

/** Plain bytes. The memory belongs to the flight: use or copy them before asking for the next part. */
export interface RawPart {
  readonly kind: 'raw';
  readonly bytes: Uint8Array;
}

/** A stored partition as it is stored; the reader decodes it and leaves out `skipBytes` at its start. */
export interface FramePart {
  readonly kind: 'frame';
  readonly scope: string;
  readonly digest: Uint8Array;
  readonly frame: Uint8Array;
  readonly skipBytes: number;
  /** How many bytes of the body it carries, `skipBytes` already left out. */
  readonly bodyBytes: number;
}
