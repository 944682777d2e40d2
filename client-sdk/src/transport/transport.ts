/** What the transport is to the proxy and to the SDK: lookups, plain calls and resumable streams over a set of cache servers. */
import type {
  DescMessage,
  DescMethodServerStreaming,
  DescMethodUnary,
  MessageInitShape,
  MessageShape,
} from '@bufbuild/protobuf';
import type { PannierError } from '../errors.ts';
import type { LookupAnswer, LookupRequest } from './lookup-answer.ts';
import type { WatchListener } from './watch-news.ts';

/** How a transport is set up. Times in milliseconds. */
export interface TransportOptions {
  /** `host:port` each, `[v6]:port`, or `dns:///name:port` for every address of a name. At least one. */
  readonly servers: readonly string[];
  /** Who this caller says it is (call metadata `pannier-identity`), while the servers run with `auth: none`. */
  readonly identity?: string | undefined;
  /** How long a server may leave a lookup unacknowledged, default 250; the first ones of a connection as long as `connectTimeoutMs`. */
  readonly ackTimeoutMs?: number;
  /** How long a server at work may show no sign of life, default 3,000; a sign is due every 1,000. */
  readonly silenceMs?: number;
  /** How long a new connection may take until the server grants its first credits; default 1,000, or `ackTimeoutMs` where that is longer. */
  readonly connectTimeoutMs?: number;
  /** Lookups of one server under way, and as many again that wait for credits; default 16,384. */
  readonly lookupsPerStreamMax?: number;
  /** HTTP/2 window of a connection in bytes, default 1 MiB. More raises throughput of one body and the wait of all others. */
  readonly flowControlWindowBytes?: number;
  /** Largest message in bytes, default 20 MiB: the servers' `limits.objectBytesMax` and what surrounds it. */
  readonly messageBytesMax?: number;
  /** Told of what happens to servers and streams, for logs and metrics. Must not throw. */
  readonly onEvent?: (event: TransportEvent) => void;
}

/** What happens to servers and streams. */
export type TransportEvent =
  | { readonly kind: 'server-up' | 'server-draining'; readonly server: string }
  | {
      readonly kind: 'server-down';
      readonly server: string;
      readonly reason: string;
      /** When it will be tried again. */
      readonly retryInMs: number;
    }
  /** A lookup was sent to another server, or given up when there was none. */
  | { readonly kind: 'lookup-moved'; readonly server: string; readonly reason: string }
  /** A stream broke and goes on at another server. */
  | { readonly kind: 'stream-resumed'; readonly server: string; readonly reason: string }
  /** A stream broke for good. */
  | { readonly kind: 'stream-broken'; readonly server: string; readonly reason: string }
  /** A `dns:///` name did not resolve; the addresses known before stay in use. */
  | { readonly kind: 'resolve-failed'; readonly server: string; readonly reason: string }
  /** Invalidations are heard of from this server. */
  | { readonly kind: 'watch-up'; readonly server: string }
  /** They no longer are, or it cannot tell. */
  | { readonly kind: 'watch-down'; readonly server: string; readonly reason: string }
  /** No server could be told what a write by this client has outdated; `server` is ''. */
  | { readonly kind: 'write-untold'; readonly server: string; readonly reason: string }
  /** A server sent a frame that the contract does not know. */
  | { readonly kind: 'protocol-error'; readonly server: string; readonly reason: string };

/** Where a server stands: `idle` was never asked, `down` waits to be tried again, `draining` takes no new lookups. */
export interface ServerState {
  /** `host:port` */
  readonly server: string;
  readonly status: 'idle' | 'connecting' | 'up' | 'draining' | 'down';
  /** Whether the next lookup may go there. */
  readonly usable: boolean;
  /** Lookups that wait for an answer or for credits. */
  readonly lookups: number;
}

/** Limits of one lookup or call. */
export interface CallLimits {
  /** Cancels it; the promise rejects with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
  /** How long it may take in milliseconds; for a lookup until its head, by default as long as the server allows. */
  readonly deadlineMs?: number | undefined;
  /**
   * How long one server may take over a call before another one is asked, in milliseconds; default: as long as the deadline. For calls
   * that may be made twice.
   */
  readonly attemptMs?: number | undefined;
}

/** Limits of a stream that is resumed. */
export interface StreamLimits {
  /** Cancels it; the iteration throws the signal's reason. */
  readonly signal?: AbortSignal | undefined;
  /** Asked when every server has failed, with the last failure; it may wait. True: all are tried once more. Default: never. */
  readonly again?: ((error: PannierError) => Promise<boolean>) | undefined;
}

/** One server, as an attempt of a resumable stream sees it. */
export interface StreamServer {
  /** Opens a server stream. Ends when the server ends it; throws `PannierError`. Returning early cancels the call. */
  open<I extends DescMessage, O extends DescMessage>(
    method: DescMethodServerStreaming<I, O>,
    request: MessageInitShape<I>,
  ): AsyncGenerator<MessageShape<O>, void, undefined>;
}

/** Calls to a set of cache servers. */
export interface Transport {
  /**
   * Asks for a response. Servers that do not acknowledge in time are marked down and the next is asked.
   *
   * @throws PannierError `unavailable` promptly when no server answers; the server's own failures with its code, `httpStatus` and
   * `proxyError`; `deadline`; `limit-exceeded` when too many lookups wait; `closed`
   */
  lookup(request: LookupRequest, limits?: CallLimits): Promise<LookupAnswer>;
  /** Makes a unary call, at another server when one cannot be reached. `deadlineMs` is 10,000 by default. */
  unary<I extends DescMessage, O extends DescMessage>(
    method: DescMethodUnary<I, O>,
    request: MessageInitShape<I>,
    limits?: CallLimits,
  ): Promise<MessageShape<O>>;
  /**
   * Reads a stream that goes on at another server when its server breaks off. `attempt` is called once for each server tried, and
   * must begin where the items that were yielded before end.
   *
   * @throws PannierError of the last server tried; the signal's reason
   */
  stream<T>(
    attempt: (server: StreamServer) => AsyncIterable<T>,
    limits?: StreamLimits,
  ): AsyncGenerator<T, void, undefined>;
  /**
   * Tells of invalidations from now on until the transport is closed: over one stream to one live server, which moves when that one breaks
   * or falls silent. Once for each transport.
   */
  onInvalidation(listener: WatchListener): void;
  /** Every server known now. */
  state(): readonly ServerState[];
  /** Ends every call and connection; what still waits rejects with `closed`. Idempotent. */
  close(): void;
}
