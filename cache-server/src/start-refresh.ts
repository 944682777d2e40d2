/** Fetches by the clock, put together: what the configuration says is due, and the flights that bring it. */
import type { Config, ConfigFault, Logger, Metrics } from '@pannier/runtime';
import type { Clock } from './clock.ts';
import type { EntryService } from './entry/entry-service.ts';
import type { RefreshClaims } from './refresh/refresh-claims.ts';
import { RefreshSchedule } from './refresh/refresh-schedule.ts';
import type { RefreshOutcome, UpstreamRule } from './refresh/refresh-schedule.ts';
import { refreshTimes } from './refresh/refresh-times.ts';

/** What it needs. */
export interface StartRefreshDeps {
  readonly config: Config;
  readonly entries: Pick<EntryService, 'warm'>;
  /** Undefined for a server that is alone. */
  readonly claims: RefreshClaims | undefined;
  readonly clock: Clock;
  readonly random: () => number;
  readonly logger: Pick<Logger, 'warn'>;
  readonly metrics: Metrics;
}

const OUTCOMES: readonly RefreshOutcome[] = ['fetched', 'failed', 'elsewhere', 'overrun'];

/** Patterns and time zones that are none. */
export function* refreshFaults({ upstreams }: Pick<Config, 'upstreams'>): Generator<ConfigFault> {
  for (const [name, { refresh }] of Object.entries(upstreams)) {
    for (const [index, rule] of refresh.entries()) {
      try {
        refreshTimes(rule);
      } catch (cause) {
        const why = cause instanceof Error ? cause.message : String(cause);
        yield { path: ['upstreams', name, 'refresh', index, 'cron'], why, cause };
      }
    }
  }
}

/** Begins to wait for what is due. */
export function startRefresh(deps: StartRefreshDeps): RefreshSchedule {
  const { config, entries, claims, clock, random, logger, metrics } = deps;
  const rules = Object.entries(config.upstreams).flatMap(([upstream, { refresh }]) =>
    refresh.map((rule) => ({ upstream, rule })),
  );
  const counter = metrics.counter({
    name: 'scheduled_refreshes_total',
    help: 'Fetches by the clock that were due at this server, by what became of them; elsewhere: another server made it.',
    labels: ['upstream', 'outcome'],
  });
  for (const { upstream } of rules) for (const outcome of OUTCOMES) counter.inc({ upstream, outcome }, 0);
  return new RefreshSchedule({
    rules,
    clock,
    random,
    claims,
    fetch: async (due, signal) => {
      const request = { method: 'GET', url: urlOf(due, config), headers: headersOf(due), isConfirming: true };
      await entries.warm(request, { signal, onBytes: () => undefined });
    },
    onOutcome: ({ upstream, rule: { path } }, outcome, err) => {
      counter.inc({ upstream, outcome });
      if (outcome === 'failed') logger.warn({ err, upstream, path }, 'a fetch by the clock failed');
    },
  });
}

function urlOf({ upstream, rule }: UpstreamRule, { upstreams }: Config): string {
  return (upstreams[upstream]?.url ?? '').replace(/\/$/, '') + rule.path;
}

/** Whatever is stored, the upstream has its say: by condition, where there is something to validate. */
function headersOf({ rule }: UpstreamRule): [string, string][] {
  return [...Object.entries(rule.headers), ['cache-control', 'no-cache']];
}
