/** What the proxy counts. */
import type { ServerResponse } from 'node:http';
import { OUTCOMES } from '@pannier/http-semantics';
import type { Metrics } from '@pannier/runtime';
import { CONNECT_OUTCOMES } from './interception/connect.ts';
import type { ConnectOutcome } from './interception/connect.ts';
import { TimedResponse } from './timed-response.ts';

/** Counts what happens. */
export interface ProxyCounters {
  /** @param response where there is one; the time to its head counts for the outcome that was told last before it */
  request(outcome: string, response: ServerResponse | undefined): void;
  connect(outcome: ConnectOutcome): void;
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

/** What becomes of requests beside the named outcomes: answered by the near cache, and by the door to datasets. */
const OWN_OUTCOMES = ['near-hit', 'dataset'] as const;
/** A hit of the near cache takes a part of a millisecond, a slow upstream its time. */
const HEAD_SECONDS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

/** Registers the metrics; outcomes start at zero, so that a rate can be taken from the first event on. */
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
  for (const outcome of [...OWN_OUTCOMES, ...OUTCOMES]) requests.inc({ outcome }, 0);
  for (const outcome of CONNECT_OUTCOMES) connects.inc({ outcome }, 0);
  const timeHead = createHeadTimer(metrics);
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
    request: (outcome, response) => {
      requests.inc({ outcome });
      if (response instanceof TimedResponse) response.onHead = timeHead(outcome);
    },
    connect: (outcome) => connects.inc({ outcome }),
    resumed: () => resumed.inc(),
    failure: (code) => failures.inc({ code }),
  };
}

/** What is to be told of heads, by outcome: each is made once, since it is there for every request. */
function createHeadTimer(metrics: Metrics): (outcome: string) => (seconds: number) => void {
  const histogram = metrics.histogram({
    name: 'request_seconds',
    help: 'Time from the head of a request to the head of its response, by what became of it.',
    labels: ['outcome'],
    buckets: HEAD_SECONDS,
  });
  const timers = new Map<string, (seconds: number) => void>();
  const make = (outcome: string): ((seconds: number) => void) => {
    const labels = { outcome };
    const timer = (seconds: number): void => histogram.observe(labels, seconds);
    timers.set(outcome, timer);
    return timer;
  };
  return (outcome) => timers.get(outcome) ?? make(outcome);
}
