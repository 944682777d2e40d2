/** What the proxy counts. */
import type { Metrics } from '@pannier/runtime';

/** Counts what happens. */
export interface ProxyCounters {
  request(outcome: string): void;
  connect(outcome: string): void;
  resumed(): void;
  failure(code: string): void;
}

/** What is read when somebody looks. */
export interface ProxyGauges {
  connections(): number;
  nearBytes(): number;
  nearEntries(): number;
  nearIsTold(): boolean;
}

/** Registers the metrics. */
export function createProxyCounters(metrics: Metrics, gauges: ProxyGauges): ProxyCounters {
  const requests = metrics.counter({
    name: 'requests_total',
    help: 'Requests, by what became of them.',
    labels: ['outcome'],
  });
  const connects = metrics.counter({
    name: 'connects_total',
    help: 'CONNECT requests, by what they carried.',
    labels: ['outcome'],
  });
  const failures = metrics.counter({
    name: 'failures_total',
    help: 'Failures of a cache server or of a body, by code.',
    labels: ['code'],
  });
  const resumed = metrics.counter({
    name: 'bodies_resumed_total',
    help: 'Bodies that broke and were finished from the upstream.',
  });
  metrics.gauge({ name: 'connections', help: 'Open client connections.', read: () => gauges.connections() });
  metrics.gauge({
    name: 'near_cache_bytes',
    help: 'Bytes in the near cache.',
    read: () => gauges.nearBytes(),
  });
  metrics.gauge({
    name: 'near_cache_entries',
    help: 'Entries in the near cache.',
    read: () => gauges.nearEntries(),
  });
  metrics.gauge({
    name: 'near_cache_told',
    help: '1 while the near cache hears of invalidations; it asks a server about each entry otherwise.',
    read: () => (gauges.nearIsTold() ? 1 : 0),
  });
  return {
    request: (outcome) => requests.inc({ outcome }),
    connect: (outcome) => connects.inc({ outcome }),
    resumed: () => resumed.inc(),
    failure: (code) => failures.inc({ code }),
  };
}
