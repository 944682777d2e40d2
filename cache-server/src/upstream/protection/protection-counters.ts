import type { Metrics } from '@pannier/runtime';
import type { BreakerState } from './upstream-breaker.ts';

/**
 * Why an upstream was not asked.
 *
 * - `queue`    too many waited, or it waited too long, for its cap or its rate
 * - `peace`    the upstream had asked for it with Retry-After
 * - `breaker`  it kept failing
 * - `failure`  no connection could be made a moment ago
 */
export type RefusalReason = 'queue' | 'peace' | 'breaker' | 'failure';

const REASONS: readonly RefusalReason[] = ['queue', 'peace', 'breaker', 'failure'];
const STATE_VALUES: Readonly<Record<BreakerState, number>> = { closed: 0, 'half-open': 1, open: 2 };

/** Counts for the upstreams that are declared; of others there may be any number. */
export interface ProtectionCounters {
  /** Names an upstream, so that its numbers begin at zero. */
  declare(upstream: string, hasBreaker: boolean): void;
  load(upstream: string, load: { queued: number; running: number }): void;
  refused(upstream: string, reason: RefusalReason): void;
  retried(upstream: string): void;
  breaker(upstream: string, state: BreakerState): void;
}

/** Registers the metrics. @param servers how many divide the caps between them when they cannot agree */
export function createProtectionCounters(metrics: Metrics, servers: () => number): ProtectionCounters {
  const labels = ['upstream'] as const;
  const gauge = (name: string, help: string) => metrics.gauge({ name, help, labels });
  const queued = gauge('upstream_queued', 'Fetches that wait for the cap or the rate of their upstream.');
  const running = gauge('upstream_running', 'Fetches from an upstream under way at this server.');
  const state = gauge(
    'upstream_breaker_state',
    'Circuit breaker of an upstream: 0 closed, 1 one request tries, 2 open.',
  );
  const refused = metrics.counter({
    name: 'upstream_refused_total',
    help: 'Fetches that were not made, to protect their upstream, by reason.',
    labels: ['upstream', 'reason'],
  });
  const retried = metrics.counter({
    name: 'upstream_retries_total',
    help: 'Requests that were sent to an upstream once more.',
    labels,
  });
  metrics.gauge({
    name: 'protecting_servers',
    help: 'Servers that protect the upstreams together, as far as this one knows.',
    read: servers,
  });
  const known = new Set<string>();
  return {
    declare(upstream, hasBreaker) {
      known.add(upstream);
      queued.set({ upstream }, 0);
      running.set({ upstream }, 0);
      retried.inc({ upstream }, 0);
      for (const reason of REASONS) refused.inc({ upstream, reason }, 0);
      if (hasBreaker) state.set({ upstream }, STATE_VALUES.closed);
    },
    load(upstream, load) {
      if (!known.has(upstream)) return;
      queued.set({ upstream }, load.queued);
      running.set({ upstream }, load.running);
    },
    refused(upstream, reason) {
      if (known.has(upstream)) refused.inc({ upstream, reason });
    },
    retried(upstream) {
      if (known.has(upstream)) retried.inc({ upstream });
    },
    breaker(upstream, now) {
      if (known.has(upstream)) state.set({ upstream }, STATE_VALUES[now]);
    },
  };
}
