/** What part of an upstream's limits one proxy keeps to while no cache server counts for all. */
import type { Config } from '@pannier/runtime';

/** One proxy's part of an upstream. */
export interface FallbackShare {
  /** Its name in the configuration. */
  readonly upstream: string;
  /** Requests under way at once; Infinity where none is named. */
  readonly runningMax: number;
  /** From one request to the next, in milliseconds; 0 where no rate is named. */
  readonly spacingMs: number;
  /** How many may follow each other at once after a pause. */
  readonly burst: number;
  readonly queueMax: number;
  readonly queueTimeoutMs: number;
}

/** One of so many equal parts; at least one request at once. Undefined where the upstream may be asked without limit. */
export function fallbackShare(
  upstream: string,
  settings: Config['upstreams'][string],
  proxies: number,
): FallbackShare | undefined {
  const { concurrencyMax, rate, queueMax, queueTimeoutMs } = settings;
  if (concurrencyMax === undefined && rate === undefined) return undefined;
  return {
    upstream,
    runningMax: concurrencyMax === undefined ? Infinity : Math.max(1, Math.floor(concurrencyMax / proxies)),
    spacingMs: rate === undefined ? 0 : (rate.per / rate.requests) * proxies,
    burst: rate === undefined ? 1 : Math.max(1, Math.floor(rate.burst / proxies)),
    queueMax,
    queueTimeoutMs,
  };
}
