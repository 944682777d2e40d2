/** AdminService: what operators ask. */
import type { MessageInitShape } from '@bufbuild/protobuf';
import { AdminService } from '@pannier/proto';
import type {
  EntryDescriptionSchema,
  ExplainRequest,
  ExplainResponseSchema,
  GetStatsResponseSchema,
  ListDatasetsResponseSchema,
  ListEntriesRequest,
  ListEntriesResponseSchema,
  ServiceHandlers,
  UpstreamLoadSchema,
} from '@pannier/proto';
import type { Caller, EntryRequest } from '../entry/entry-answer.ts';
import type { EntrySummary } from '../entry/describe-entry.ts';
import { CacheServerError } from '../errors.ts';
import type { UpstreamLoad } from '../upstream/protection/upstream-protection.ts';
import type { CallContext } from './call-handlers.ts';
import { serverStream, unary } from './call-handlers.ts';
import { runJanitor } from './janitor-call.ts';
import type { JanitorCallDeps } from './janitor-call.ts';
import { diffVersions, listVersions } from './version-calls.ts';
import type { VersionDeps } from './version-calls.ts';
import { entryRequest } from './wire.ts';

/** What would become of a request, and why. */
export interface Explanation {
  outcome: string;
  key: string;
  reasons: readonly string[];
  entry: EntrySummary | undefined;
}

/** Counters since the start of the process. */
export interface ServerStats {
  lookups: Readonly<Record<string, number>>;
  upstreamRequests: Readonly<Record<string, number>>;
  upstreamRequestKinds: Readonly<Record<string, number>>;
  upstreamBytes: number;
  flights: number;
  waiters: number;
  upstreamLoads: Readonly<Record<string, UpstreamLoad>>;
  failures: Readonly<Record<string, number>>;
  store: string;
  entries: number | undefined;
  storedBytes: number | undefined;
  /** Undefined where there is no Redis for control. */
  controlAnswers: boolean | undefined;
  uptimeMs: number;
}

/** A declared dataset and its current version. */
export interface DatasetSummary {
  dataset: string;
  upstream: string;
  endpoint: string;
  version: string;
  records: number;
  partitions: number;
}

/** What the service's methods need. */
export interface AdminServiceDeps extends VersionDeps, JanitorCallDeps {
  stats(): Promise<ServerStats>;
  listKeys(page: {
    contains: string;
    cursor: string;
    limit: number;
  }): Promise<{ keys: string[]; cursor: string }>;
  /** Undefined when the entry has gone since it was listed. */
  describeEntry(key: string): Promise<EntrySummary | undefined>;
  listDatasets(): Promise<readonly DatasetSummary[]>;
  explain(request: EntryRequest, caller: Caller): Promise<Explanation>;
}

const PAGE_DEFAULT = 100;
const PAGE_MAX = 1000;

function counts(record: Readonly<Record<string, number>>): Record<string, bigint> {
  return Object.fromEntries(Object.entries(record).map(([name, count]) => [name, BigInt(count)]));
}

function entryMessage(entry: EntrySummary): MessageInitShape<typeof EntryDescriptionSchema> {
  return {
    ...entry,
    contentBytes: BigInt(entry.contentBytes),
    storedBytes: BigInt(entry.storedBytes),
    ageMs: BigInt(Math.max(0, Math.round(entry.ageMs))),
    freshForMs: BigInt(Math.max(0, Math.round(entry.freshForMs))),
  };
}

function loadMessage({
  running,
  queued,
  concurrencyMax,
  breaker,
}: UpstreamLoad): MessageInitShape<typeof UpstreamLoadSchema> {
  return {
    running: BigInt(running),
    queued: BigInt(queued),
    breaker: breaker ?? '',
    ...(concurrencyMax === undefined ? {} : { concurrencyMax: BigInt(concurrencyMax) }),
  };
}

async function getStats(deps: AdminServiceDeps): Promise<MessageInitShape<typeof GetStatsResponseSchema>> {
  const { entries, storedBytes, controlAnswers, ...stats } = await deps.stats();
  return {
    ...(entries === undefined ? {} : { entries: BigInt(entries) }),
    ...(storedBytes === undefined ? {} : { storedBytes: BigInt(storedBytes) }),
    ...(controlAnswers === undefined ? {} : { controlAnswers }),
    lookups: counts(stats.lookups),
    upstreamRequests: counts(stats.upstreamRequests),
    upstreamRequestKinds: counts(stats.upstreamRequestKinds),
    failures: counts(stats.failures),
    upstreamLoads: Object.fromEntries(
      Object.entries(stats.upstreamLoads).map(([name, load]) => [name, loadMessage(load)]),
    ),
    upstreamBytes: BigInt(stats.upstreamBytes),
    flights: BigInt(stats.flights),
    waiters: BigInt(stats.waiters),
    store: stats.store,
    uptimeMs: BigInt(Math.round(stats.uptimeMs)),
  };
}

async function listEntries(
  { contains, cursor, limit }: ListEntriesRequest,
  deps: AdminServiceDeps,
): Promise<MessageInitShape<typeof ListEntriesResponseSchema>> {
  if (limit > PAGE_MAX) throw new CacheServerError('bad-request', `limit: ${limit} is over ${PAGE_MAX}`);
  const page = await deps.listKeys({ contains, cursor, limit: limit === 0 ? PAGE_DEFAULT : limit });
  const entries = await Promise.all(page.keys.map((key) => deps.describeEntry(key)));
  return { entries: entries.filter((entry) => entry !== undefined).map(entryMessage), cursor: page.cursor };
}

async function listDatasets(
  deps: AdminServiceDeps,
): Promise<MessageInitShape<typeof ListDatasetsResponseSchema>> {
  const datasets = await deps.listDatasets();
  return { datasets: datasets.map((dataset) => ({ ...dataset, records: BigInt(dataset.records) })) };
}

async function explain(
  request: ExplainRequest,
  { caller }: CallContext,
  deps: AdminServiceDeps,
): Promise<MessageInitShape<typeof ExplainResponseSchema>> {
  const { entry, outcome, key, reasons } = await deps.explain(entryRequest(request.request), caller);
  return {
    outcome,
    key,
    reasons: [...reasons],
    ...(entry === undefined ? {} : { entry: entryMessage(entry) }),
  };
}

/** The handlers for `server.addService`. */
export function adminServiceHandlers(deps: AdminServiceDeps): ServiceHandlers<typeof AdminService> {
  const { method } = AdminService;
  return {
    getStats: unary(method.getStats, () => getStats(deps)),
    listEntries: unary(method.listEntries, (request) => listEntries(request, deps)),
    listDatasets: unary(method.listDatasets, () => listDatasets(deps)),
    listVersions: unary(method.listVersions, (request) => listVersions(request, deps)),
    diffVersions: unary(method.diffVersions, (request, { signal }) => diffVersions(request, deps, signal)),
    pinVersion: unary(method.pinVersion, async ({ dataset, version }) => {
      await deps.datasets.pin(dataset, version, true);
      return {};
    }),
    unpinVersion: unary(method.unpinVersion, async ({ dataset, version }) => {
      await deps.datasets.pin(dataset, version, false);
      return {};
    }),
    rollback: unary(method.rollback, async ({ dataset, version }) => {
      await deps.datasets.rollback(dataset, version);
      return { version };
    }),
    explain: unary(method.explain, (request, context) => explain(request, context, deps)),
    runJanitor: serverStream(method.runJanitor, (request, context) => runJanitor(request, context, deps)),
  };
}
