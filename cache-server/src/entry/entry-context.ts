/** The parts that the story of an entry works with, put together once. */
import type { StoringRefusal } from '@pannier/http-semantics';
import type { Config, Logger, Metrics } from '@pannier/runtime';
import { LRUCache } from 'lru-cache';
import type { Clock } from '../clock.ts';
import type { RepairableBody } from './body-repair.ts';
import { createCredentialName } from './credential-name.ts';
import type { CredentialName } from './credential-name.ts';
import { CacheServerError } from '../errors.ts';
import type { FlightHead } from '../fetch/flight-head.ts';
import { FlightTable } from '../flight/flight-table.ts';
import { SegmentPool } from '../flight/segment-memory.ts';
import { createGenerations } from '../generation/create-generations.ts';
import type { Generations } from '../generation/generations.ts';
import type { LeaseStore } from '../lease/lease-store.ts';
import { ManifestShelf } from './manifest-shelf.ts';
import { createFailureReport } from '../observe/failure-report.ts';
import type { ReportFailure } from '../observe/failure-report.ts';
import { createServerCounters } from '../observe/server-counters.ts';
import type { ServerCounters } from '../observe/server-counters.ts';
import { BodyFrames } from '../partition/body-frames.ts';
import { keepingReasons } from './unstored-reasons.ts';
import type { Unstored } from './unstored-reasons.ts';
import { HotEntries } from '../refresh/hot-entries.ts';
import type { EntryStore } from '../store/entry-store.ts';
import type { ProtectionShare } from '../upstream/protection/protection-share.ts';
import { UpstreamProtection } from '../upstream/protection/upstream-protection.ts';
import type { UpstreamRegistry } from '../upstream/upstream-registry.ts';
import { VersionEndpoints } from '../fetch/version-endpoints.ts';

/** The bounds that concern entries. */
export type EntryLimits = Pick<
  Config['limits'],
  | 'entryBytesMax'
  | 'partitionBytes'
  | 'partitionsMax'
  | 'inlineBytesMax'
  | 'waitersPerFlightMax'
  | 'waitersBeyond'
  | 'waitDeadlineMs'
  | 'relayWindowBytes'
  | 'flightBytesBufferedMax'
  | 'fetchDeadlineMs'
>;

/** What the entry service is made of. */
export interface GetEntryDeps {
  readonly store: EntryStore;
  readonly upstreams: UpstreamRegistry;
  /** URLs that are fetched without Content-Encoding whatever a caller accepts, because they are read in more than one way. */
  readonly plainUrls: ReadonlySet<string>;
  /** Of the names of credentials in keys; one of this process by default. */
  readonly keySecret?: string | undefined;
  readonly limits: EntryLimits;
  /** What is known of invalidations; by default those of this process alone. */
  readonly generations?: Generations;
  readonly clock: Clock;
  /** Like Math.random. */
  readonly random: () => number;
  readonly logger: Pick<Logger, 'warn'>;
  readonly metrics: Metrics;
  /** How the servers of a cluster protect upstreams together; one without is alone. */
  readonly protectionShare?: ProtectionShare | undefined;
  /** How the servers of a cluster agree on who asks an upstream; one without is alone. */
  readonly leases?: LeaseStore | undefined;
}

/** The dependencies and what is built from them. */
export interface EntryContext extends GetEntryDeps {
  readonly generations: Generations;
  readonly credentialName: CredentialName;
  readonly counters: ServerCounters;
  readonly protection: UpstreamProtection;
  readonly hotEntries: HotEntries;
  readonly versionEndpoints: VersionEndpoints;
  readonly report: ReportFailure;
  readonly manifests: ManifestShelf;
  readonly frames: BodyFrames;
  readonly flights: FlightTable<FlightHead>;
  readonly pool: SegmentPool;
  /** Keys whose responses lately could not be shared, and why, if this server knows: their requests go to the upstream themselves. */
  readonly uncacheable: LRUCache<string, StoringRefusal | true>;
  /** Why what was to be stored a moment ago was not. */
  readonly unstored: LRUCache<string, Unstored>;
  /** Keys whose upstream failed a moment ago: what stands in for it is not kept waiting for it again. */
  readonly failing: LRUCache<string, true>;
  /** Keys that were asked about a moment ago behind the back of whoever got a stale answer. */
  readonly refreshed: LRUCache<string, true>;
  /** By key and version, what stored bodies were answered with lately: their readers go on although partitions are lost. */
  readonly repairs: LRUCache<string, RepairableBody>;
  /** Keys of which the whole was fetched a while ago because a part was asked for. */
  readonly filled: LRUCache<string, true>;
  /** Keys whose responses lately varied by more than the key, and by what: known before the first of them is published. */
  readonly varyNames: LRUCache<string, readonly string[]>;
}

/** How long a key counts as uncacheable, in milliseconds; never for ever, since responses change. */
const UNCACHEABLE_MS = 30_000;
const UNCACHEABLE_MAX = 10_000;
/** How long it is known what the responses of a key vary by without looking, in milliseconds. */
const VARIES_MS = 30_000;
const VARIES_MAX = 10_000;
/** How long an upstream is left in peace by those who have something stale to answer with, in milliseconds. */
const MOMENT_MS = 3000;
const MOMENT_KEYS_MAX = 10_000;
/** Keys of which it is known why they were not stored; for as long as a fetch of them may take. */
const UNSTORED_MAX = 1000;
const REPAIRS_MAX = 1000;
/** Bytes of arriving bodies of all flights together; beyond, a flight has to do with two segments. */
const FLIGHTS_BYTES_MAX = 256 * 1024 * 1024;
/** Bytes of unused segments that are kept for the next flight. */
const SEGMENTS_KEPT_BYTES_MAX = 16 * 1024 * 1024;
/** Bytes of frames that were read last and are kept for the next reader. */
const FRAMES_KEPT_BYTES_MAX = 16 * 1024 * 1024;

/** Puts the parts together. */
export function createEntryContext(deps: GetEntryDeps): EntryContext {
  const { store, clock, random, limits, logger, metrics } = deps;
  const counters = createServerCounters(metrics, () => ({
    flights: flights.size,
    waiters: flights.followers,
  }));
  const { fetchDeadlineMs } = limits;
  const unstored = remembered<Unstored>(clock, { entriesMax: UNSTORED_MAX, ttlMs: fetchDeadlineMs });
  const report = keepingReasons(createFailureReport({ counters, logger, clock }), { kept: unstored, clock });
  const flights = new FlightTable<FlightHead>({
    clock,
    random,
    limits,
    onFailed: failedFlightReport(report),
  });
  const { generations = createGenerations({ clock, random }) } = deps;
  const manifests = new ManifestShelf({ store, clock, report, generations });
  return {
    ...deps,
    generations,
    counters,
    hotEntries: new HotEntries(),
    versionEndpoints: new VersionEndpoints((url, error) => report('upstream-failed', { key: url, error })),
    protection: new UpstreamProtection({ clock, random, logger, metrics, share: deps.protectionShare }),
    report,
    unstored,
    flights,
    credentialName: createCredentialName(deps.keySecret),
    manifests,
    frames: new BodyFrames({
      source: store,
      keptBytesMax: FRAMES_KEPT_BYTES_MAX,
      onLost: (what, error) => report(`frame-${what}`, { error }),
    }),
    pool: new SegmentPool({
      segmentBytes: limits.partitionBytes,
      bytesMax: FLIGHTS_BYTES_MAX,
      keptBytesMax: SEGMENTS_KEPT_BYTES_MAX,
    }),
    varyNames: remembered(clock, { entriesMax: VARIES_MAX, ttlMs: VARIES_MS }),
    failing: remembered(clock, { entriesMax: MOMENT_KEYS_MAX, ttlMs: MOMENT_MS }),
    refreshed: remembered(clock, { entriesMax: MOMENT_KEYS_MAX, ttlMs: MOMENT_MS }),
    repairs: remembered(clock, { entriesMax: REPAIRS_MAX, ttlMs: fetchDeadlineMs }),
    filled: remembered(clock, { entriesMax: UNCACHEABLE_MAX, ttlMs: UNCACHEABLE_MS }),
    uncacheable: remembered(clock, { entriesMax: UNCACHEABLE_MAX, ttlMs: UNCACHEABLE_MS }),
  };
}

/** Bounded by a size of 1 each: by number, the table would have all its room from the start. */
function remembered<V extends object | string | true>(
  clock: Clock,
  { entriesMax, ttlMs }: { entriesMax: number; ttlMs: number },
): LRUCache<string, V> {
  const bounds = { maxSize: entriesMax, sizeCalculation: () => 1 };
  return new LRUCache({ ...bounds, ttl: ttlMs, ttlResolution: 0, perf: clock });
}

function failedFlightReport(report: ReportFailure): (error: unknown, key: string) => void {
  return (error, key) => {
    const code = error instanceof CacheServerError ? error.code : 'internal';
    if (code === 'cancelled' || code === 'draining') report('flight-abandoned', { key });
    else if (code === 'upstream-truncated' || code === 'upstream-timeout') report(code, { key, error });
    else if (code === 'upstream-limited' || code === 'upstream-paused')
      report('upstream-not-asked', { key, error });
    else if (code !== 'forbidden-target') report('upstream-failed', { key, error });
  };
}
