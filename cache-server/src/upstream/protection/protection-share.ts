/** What servers tell each other of the upstreams that they protect together. Where it is kept is not said here. */
import type { RateSettings } from './protection-settings.ts';

/** What one server tells of its fetches from one upstream, always the whole of it: what was said before counts no longer. */
export interface ShareReport {
  readonly upstream: string;
  /** Fetches under way. */
  readonly running: number;
  /** Fetches that wait. */
  readonly waiting: number;
  /** How long the first of them has waited, in milliseconds: who has waited longest comes first. */
  readonly waitedMs: number;
  readonly concurrencyMax: number | undefined;
  readonly rate: RateSettings | undefined;
}

/** What it may do now. */
export interface ShareGrant {
  /** How many of those that wait may begin; they count as running from now on. */
  readonly granted: number;
  /** When it is worth asking again for the others, in milliseconds. */
  readonly retryInMs: number;
}

/** The peace that upstreams asked for, and how many servers there are. */
export interface ShareNews {
  readonly servers: number;
  readonly pauses: readonly Pause[];
}

/** An upstream's wish to be left in peace. */
export interface Pause {
  readonly upstream: string;
  readonly leftMs: number;
  /** The status that it was said with, 429 or 503. */
  readonly status: number;
}

/**
 * The view that servers have in common. What a server said counts for {@link REPORT_LEASE_MS}, so that what a dead one held comes
 * back. Calls reject when the place where it is kept does not answer.
 */
export interface ProtectionShare {
  report(report: ShareReport): Promise<ShareGrant>;
  /** Says that this server is there. */
  beat(): Promise<ShareNews>;
  pause(pause: Pause): Promise<void>;
}

/** How long a report counts, in milliseconds. */
export const REPORT_LEASE_MS = 5000;
/** How often a server that has something under way repeats it, in milliseconds. */
export const REPORT_EVERY_MS = 1500;
/** How often a server asks for news, in milliseconds. */
export const BEAT_EVERY_MS = 1000;
/** How long a server counts that has not been heard of, in milliseconds. */
export const SERVER_SEEN_MS = 10_000;
