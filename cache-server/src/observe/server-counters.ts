/** What the server counts: once for Prometheus, once for GetStats, which wants the numbers themselves. */
import { OUTCOMES } from '@pannier/http-semantics';
import type { Outcome } from '@pannier/http-semantics';
import type { Metrics } from '@pannier/runtime';

/**
 * What goes wrong without the caller seeing more than a slower answer, or a broken one.
 *
 * - `store-read`, `store-write`  the store failed; answered without it
 * - `manifest-unreadable`        a stored manifest was damaged or of another format; treated as a miss
 * - `frame-missing`, `frame-damaged`  a partition under a live manifest was lost; the entry is fetched anew
 * - `storing-abandoned`          the store failed during a flight, which then only relayed
 * - `found-too-large`            a body without a length grew over `limits.entryBytesMax` and was relayed from there on
 * - `not-published`              a stored body was not published: its partitions had gone meanwhile, or something later stood there; the log says which
 * - `reader-lagged`              a reader of a relayed body was let go, because others starved
 * - `upstream-truncated`, `upstream-timeout`, `upstream-failed`  a fetch failed
 * - `upstream-not-asked`         a fetch was withheld, to protect its upstream
 * - `flight-abandoned`           a fetch was cancelled, because nobody waited for it any more
 */
const FAILURES = [
  'store-read',
  'store-write',
  'manifest-unreadable',
  'frame-missing',
  'frame-damaged',
  'storing-abandoned',
  'found-too-large',
  'not-published',
  'reader-lagged',
  'upstream-truncated',
  'upstream-timeout',
  'upstream-failed',
  'upstream-not-asked',
  'flight-abandoned',
] as const;

export type Failure = (typeof FAILURES)[number];

/** Requests to upstreams: all of a kind, by how they were answered. */
export type UpstreamRequestKind = 'full' | 'conditional' | 'part' | 'not-modified' | 'failed';
const UPSTREAM_REQUEST_KINDS: readonly UpstreamRequestKind[] = [
  'full',
  'conditional',
  'part',
  'not-modified',
  'failed',
];

/**
 * A server's part in fetches that several servers share.
 *
 * - `leader`        it asked the upstream for all of them
 * - `follower`      another one did
 * - `takeover`      it went on for one that fell silent
 * - `lease-lost`    another one may have gone on for it; what it fetched was not published
 * - `control-away`  nobody could tell who asks, or what came
 */
const FLIGHT_ROLES = ['leader', 'follower', 'takeover', 'lease-lost', 'control-away'] as const;
export type FlightRole = (typeof FLIGHT_ROLES)[number];

const STATUS_CLASSES = ['2xx', '3xx', '4xx', '5xx', 'failed'] as const;
/** From a neighbour in the same rack to one that is about to be given up. */
const UPSTREAM_SECONDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];

/** Undeclared upstreams are named by their origin, and there may be any number of them. */
const UPSTREAM_NAMES_MAX = 1000;

/** Counts since the start of the process. */
export interface CountsSnapshot {
  readonly lookups: Readonly<Record<string, number>>;
  readonly upstreamRequests: Readonly<Record<string, number>>;
  readonly upstreamRequestKinds: Readonly<Record<string, number>>;
  readonly upstreamBytes: number;
  readonly failures: Readonly<Record<string, number>>;
}

/** Of one that is not declared the name is an origin, and there may be any number of them. */
interface NamedUpstream {
  readonly name: string;
  readonly isDeclared: boolean;
}

/** Counts what happens. */
export interface ServerCounters {
  lookup(outcome: Outcome): void;
  /** @param upstream its name; only what is sent counts for it, so not `not-modified` and `failed` */
  upstreamRequest(kind: UpstreamRequestKind, upstream: string): void;
  /** @param status undefined when no head came. @param tookMs until the head, or until it was given up */
  upstreamAnswered(upstream: NamedUpstream, status: number | undefined, tookMs: number): void;
  upstreamBytes(bytes: number): void;
  failure(what: Failure): void;
  flightRole(role: FlightRole): void;
  snapshot(): CountsSnapshot;
}

/** Registers the metrics; every label starts at zero, so that a rate can be taken from the first event on. */
export function createServerCounters(
  metrics: Metrics,
  activity: () => { flights: number; waiters: number },
): ServerCounters {
  const lookups = labelled(OUTCOMES, metrics, {
    name: 'lookups_total',
    help: 'Requests answered, by what became of them.',
    label: 'outcome',
  });
  const upstreamRequests = labelled(UPSTREAM_REQUEST_KINDS, metrics, {
    name: 'upstream_requests_total',
    help: 'Requests sent to upstreams, by kind; not-modified and failed ones are counted again under their kind.',
    label: 'kind',
  });
  const failures = labelled(FAILURES, metrics, {
    name: 'failures_total',
    help: 'What went wrong, answered or not.',
    label: 'what',
  });
  const flightRoles = labelled(FLIGHT_ROLES, metrics, {
    name: 'flight_roles_total',
    help: 'Parts of this server in fetches that several servers share.',
    label: 'role',
  });
  const bytes = metrics.counter({
    name: 'upstream_body_bytes_total',
    help: 'Bytes of bodies received from upstreams.',
  });
  const upstreamAnswered = createAnswerTimer(metrics);
  let upstreamBytes = 0;
  const byUpstream = new Map<string, number>();
  metrics.gauge({ name: 'flights', help: 'Upstream fetches in progress.', read: () => activity().flights });
  metrics.gauge({
    name: 'flight_followers',
    help: 'Requests and readers that follow a fetch in progress.',
    read: () => activity().waiters,
  });
  return {
    lookup: lookups.count,
    upstreamRequest(kind, upstream) {
      upstreamRequests.count(kind);
      if (kind === 'not-modified' || kind === 'failed') return;
      const name = byUpstream.has(upstream) || byUpstream.size < UPSTREAM_NAMES_MAX ? upstream : 'other';
      byUpstream.set(name, (byUpstream.get(name) ?? 0) + 1);
    },
    upstreamAnswered,
    failure: failures.count,
    flightRole: flightRoles.count,
    upstreamBytes(count) {
      upstreamBytes += count;
      bytes.inc(count);
    },
    snapshot: () => ({
      lookups: lookups.counts(),
      upstreamRequests: Object.fromEntries(byUpstream),
      upstreamRequestKinds: upstreamRequests.counts(),
      upstreamBytes,
      failures: failures.counts(),
    }),
  };
}

/** The times of an upstream start at zero with its first answer: before, they would be many lines about nothing. */
function createAnswerTimer(metrics: Metrics): ServerCounters['upstreamAnswered'] {
  const histogram = metrics.histogram({
    name: 'upstream_request_seconds',
    help: 'Time from a request to an upstream to the head of its response, by the class of its status; failed when none came.',
    labels: ['upstream', 'status'],
    buckets: UPSTREAM_SECONDS,
  });
  const known = new Set<string>();
  return ({ name, isDeclared }, status, tookMs) => {
    const upstream = isDeclared ? name : 'undeclared';
    if (!known.has(upstream)) for (const one of STATUS_CLASSES) histogram.zero({ upstream, status: one });
    known.add(upstream);
    const statusClass = status === undefined ? 'failed' : `${Math.floor(status / 100)}xx`;
    histogram.observe({ upstream, status: statusClass }, Math.max(0, tookMs) / 1000);
  };
}

function labelled<T extends string>(
  values: readonly T[],
  metrics: Metrics,
  { name, help, label }: { name: string; help: string; label: string },
): { count: (value: T) => void; counts: () => Record<string, number> } {
  const counts = new Map<T, number>(values.map((value) => [value, 0]));
  const counter = metrics.counter<string>({ name, help, labels: [label] });
  for (const value of values) counter.inc({ [label]: value }, 0);
  return {
    count(value) {
      counts.set(value, (counts.get(value) ?? 0) + 1);
      counter.inc({ [label]: value });
    },
    counts: () => Object.fromEntries(counts),
  };
}
