/** Fetches by the clock, put together: what the configuration says is due, and the flights that bring it. */
import { requestBypass } from '@pannier/http-semantics';
import type { Header } from '@pannier/http-semantics';
import type { Config, ConfigFault, Logger, Metrics } from '@pannier/runtime';
import type { Clock } from './clock.ts';
import type { EntryService } from './entry/entry-service.ts';
import { FailedRefreshes } from './refresh/failed-refreshes.ts';
import type { RefreshClaims } from './refresh/refresh-claims.ts';
import { RefreshSchedule } from './refresh/refresh-schedule.ts';
import type { RefreshOutcome, UpstreamRule } from './refresh/refresh-schedule.ts';
import { refreshTimes } from './refresh/refresh-times.ts';
import type { RefreshRule } from './refresh/refresh-times.ts';

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

/** Rules that would never be due, and those whose every fetch would fail. */
export function* refreshFaults({ upstreams }: Pick<Config, 'upstreams'>): Generator<ConfigFault> {
  for (const [name, { refresh, credentials }] of Object.entries(upstreams)) {
    for (const [index, rule] of refresh.entries()) {
      const path = ['upstreams', name, 'refresh', index];
      const fault = cronFault(rule);
      if (fault !== undefined) yield { path: [...path, 'cron'], ...fault };
      for (const header of Object.entries(rule.headers)) {
        const why = headerFault(header, credentials);
        if (why !== undefined) yield { path: [...path, 'headers', header[0]], why };
      }
    }
  }
}

function cronFault(rule: RefreshRule): Omit<ConfigFault, 'path'> | undefined {
  try {
    // Since 1970, so that a rule with a year does not keep a server from starting once that is over.
    return refreshTimes(rule)(0) === undefined ? { why: `${rule.cron} is never due` } : undefined;
  } catch (cause) {
    return { why: cause instanceof Error ? cause.message : String(cause), cause };
  }
}

/** As the request itself will be judged; whom a proxy knows is nobody to an upstream, so that is never sent. */
function headerFault(
  header: Header,
  credentials: Config['upstreams'][string]['credentials'],
): string | undefined {
  const isStored = credentials !== 'never' && header[0] !== 'proxy-authorization';
  const reason = requestBypass('GET', [header], { range: true, credentials: isStored });
  return reason && `a request with it is not cached (${reason}), so that there is nothing to refresh`;
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
  const failures = new FailedRefreshes(logger, clock);
  return new RefreshSchedule({
    rules,
    clock,
    random,
    claims,
    fetch: async (due, signal) => {
      const request = { method: 'GET', url: urlOf(due, config), headers: headersOf(due), isConfirming: true };
      await entries.warm(request, { signal, onBytes: () => undefined });
    },
    onOutcome: (due, outcome, error) => {
      counter.inc({ upstream: due.upstream, outcome });
      if (outcome === 'failed') failures.failed(due, error);
      if (outcome === 'fetched') failures.fetched(due);
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
