import type { Config } from '@pannier/runtime';

/** How an upstream is protected: its keys in the configuration, durations in milliseconds. */
export type ProtectionSettings = Pick<
  Config['upstreams'][string],
  | 'concurrencyMax'
  | 'rate'
  | 'queueMax'
  | 'queueTimeoutMs'
  | 'retryAfterMaxMs'
  | 'retries'
  | 'breaker'
  | 'failureTtlMs'
>;

/** So many requests in so long, and so many at once. */
export type RateSettings = NonNullable<ProtectionSettings['rate']>;

/** Of an upstream that nobody declared: what it asks for itself is honoured, nothing else. */
export const UNDECLARED_PROTECTION: ProtectionSettings = {
  queueMax: 10_000,
  queueTimeoutMs: 30_000,
  retryAfterMaxMs: 60_000,
  retries: { max: 0, firstDelayMs: 100 },
  failureTtlMs: 0,
};

/** The settings without the rest of an upstream's. */
export function protectionSettings(settings: ProtectionSettings): ProtectionSettings {
  const { concurrencyMax, rate, breaker, ...rest } = settings;
  const { queueMax, queueTimeoutMs, retryAfterMaxMs, retries, failureTtlMs } = rest;
  return {
    queueMax,
    queueTimeoutMs,
    retryAfterMaxMs,
    retries,
    failureTtlMs,
    ...(concurrencyMax === undefined ? {} : { concurrencyMax }),
    ...(rate === undefined ? {} : { rate }),
    ...(breaker === undefined ? {} : { breaker }),
  };
}
