import { DEFAULT_POLICY } from './policy.ts';
import type { CachePolicy } from './policy.ts';

/** What a configuration says of an upstream's responses, durations in milliseconds. */
export interface PolicySettings extends Pick<
  CachePolicy,
  'credentials' | 'setCookie' | 'doubtfulAge' | 'heuristicShare'
> {
  readonly heuristicTtlMaxMs: number;
  readonly forcedTtlMs?: number | undefined;
  readonly minTtlMs: number;
  readonly defaultTtlMs?: number | undefined;
  readonly negativeTtlMs: Readonly<Record<string, number>>;
  readonly staleIfErrorMs: number;
}

/** The policy of an upstream; whole seconds, as HTTP counts them. */
export function configuredPolicy(settings: PolicySettings): CachePolicy {
  const { credentials, setCookie, doubtfulAge, heuristicShare } = settings;
  const negative = Object.entries(settings.negativeTtlMs);
  return {
    ...DEFAULT_POLICY,
    credentials,
    setCookie,
    doubtfulAge,
    heuristicShare,
    heuristicTtlMaxS: seconds(settings.heuristicTtlMaxMs),
    forcedTtlS: settings.forcedTtlMs === undefined ? undefined : seconds(settings.forcedTtlMs),
    minTtlS: seconds(settings.minTtlMs),
    defaultTtlS: settings.defaultTtlMs === undefined ? undefined : seconds(settings.defaultTtlMs),
    negativeTtlS: Object.fromEntries(negative.map(([status, ttlMs]) => [status, seconds(ttlMs)])),
    staleIfErrorS: seconds(settings.staleIfErrorMs),
  };
}

function seconds(ms: number): number {
  return Math.floor(ms / 1000);
}
