import type { TransportOptions } from './transport/index.ts';

/** How a client is set up, beyond what the transport takes. */
export interface ClientOptions extends Omit<TransportOptions, 'servers'> {
  /** How long a call of `get`, `put`, `describe`, `admin` and their like may take in milliseconds, default 10,000. */
  readonly deadlineMs?: number;
  /** What becomes of a `fetch` that the server does not want: asked of the upstream by the client itself, or an error. Default `direct`. */
  readonly onBypass?: 'direct' | 'error';
  /** What all responses in the near cache may take in bytes, default 16 MiB; 0 turns it off. */
  readonly nearCacheBytesMax?: number;
  /** How long responses in the near cache are used without a sign of life from the servers' log of invalidations, in milliseconds; default 1,000. */
  readonly nearTrustMs?: number;
}

/** Limits of one call of the client. */
export interface CallOptions {
  /** Cancels the call; it rejects with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
  /** In milliseconds; default: that of the client. */
  readonly deadlineMs?: number | undefined;
}
