/** What operators ask of a server; numbers instead of 64-bit integers, since counts and bytes fit a double. */
import { AdminService } from '@pannier/proto';
import type { EntryDescription as EntryMessage, UpstreamLoad as LoadMessage } from '@pannier/proto';
import type { CallOptions } from './client-options.ts';
import { openDatasetAdmin } from './dataset-admin.ts';
import type { DatasetAdmin } from './dataset-admin.ts';
import { fetchRequest } from './fetch-request.ts';
import { openJanitorAdmin } from './janitor-admin.ts';
import type { JanitorAdmin } from './janitor-admin.ts';
import type { Transport } from './transport/index.ts';

/** What the server that answered has under way at an upstream. */
export interface UpstreamLoad {
  /** Fetches, until their last byte. */
  readonly running: number;
  /** Fetches that wait for their turn. */
  readonly queued: number;
  /** How many may be under way at once, of all servers together; undefined where there is no limit. */
  readonly concurrencyMax: number | undefined;
  /** `closed`, `open` or `half-open`; '' where there is no circuit breaker. */
  readonly breaker: string;
}

/** Counters since the start of the server that answered; lengths in bytes, times in milliseconds. */
export interface ServerStats {
  /** Lookups by named outcome. */
  readonly lookups: Readonly<Record<string, number>>;
  /** Requests to upstreams, by upstream name. */
  readonly upstreamRequests: Readonly<Record<string, number>>;
  /** The same by kind: `full`, `conditional` and `part`; `not-modified` and `failed` count those of them that ended so. */
  readonly upstreamRequestKinds: Readonly<Record<string, number>>;
  readonly upstreamBytes: number;
  readonly flights: number;
  readonly waiters: number;
  /** `embedded` or `redis`. */
  readonly store: string;
  /** Undefined where the store cannot tell. */
  readonly entries: number | undefined;
  readonly storedBytes: number | undefined;
  /** Whether what all servers share is there to be asked; undefined for a server that is alone. */
  readonly controlAnswers: boolean | undefined;
  readonly uptimeMs: number;
  /** By the name of each declared upstream that was asked. */
  readonly upstreamLoads: Readonly<Record<string, UpstreamLoad>>;
  /** Best-effort paths that failed, by name. */
  readonly failures: Readonly<Record<string, number>>;
}

/** One entry; lengths in bytes, times in milliseconds. */
export interface EntryDescription {
  readonly key: string;
  /** URL of an original, name of a dataset or of an object. */
  readonly name: string;
  readonly version: string;
  /** Status code of an original, 0 otherwise. */
  readonly status: number;
  readonly contentBytes: number;
  readonly storedBytes: number;
  readonly partitions: number;
  readonly ageMs: number;
  /** 0 when it is stale, and for a dataset, whose freshness is that of its originals. */
  readonly freshForMs: number;
}

/** A declared dataset. */
export interface DatasetSummary {
  readonly dataset: string;
  readonly upstream: string;
  readonly endpoint: string;
  /** '' when it was never fetched. */
  readonly version: string;
  readonly records: number;
  readonly partitions: number;
}

/** What would become of a request, and why. */
export interface Explanation {
  readonly outcome: string;
  /** '' when it has none. */
  readonly key: string;
  /** The steps that lead to the outcome, one sentence each. */
  readonly reasons: readonly string[];
  readonly entry: EntryDescription | undefined;
}

/** Calls for operators. */
export interface ServerAdmin extends DatasetAdmin, JanitorAdmin {
  stats(options?: CallOptions): Promise<ServerStats>;
  /** Every entry whose key contains the text, read page by page. */
  entries(contains?: string, options?: CallOptions): AsyncGenerator<EntryDescription, void, undefined>;
  datasets(options?: CallOptions): Promise<readonly DatasetSummary[]>;
  /** Says what would become of a request, without asking the upstream. */
  explain(url: string | URL, init?: RequestInit, options?: CallOptions): Promise<Explanation>;
}

const PAGE_ENTRIES = 200;

function counts(record: Readonly<Record<string, bigint>>): Record<string, number> {
  return Object.fromEntries(Object.entries(record).map(([name, count]) => [name, Number(count)]));
}

function loadOf({ running, queued, concurrencyMax, breaker }: LoadMessage): UpstreamLoad {
  const limit = concurrencyMax === undefined ? undefined : Number(concurrencyMax);
  return { running: Number(running), queued: Number(queued), concurrencyMax: limit, breaker };
}

function entryOf(entry: EntryMessage): EntryDescription {
  const { key, name, version, status, partitions } = entry;
  return {
    key,
    name,
    version,
    status,
    contentBytes: Number(entry.contentBytes),
    storedBytes: Number(entry.storedBytes),
    partitions,
    ageMs: Number(entry.ageMs),
    freshForMs: Number(entry.freshForMs),
  };
}

/** The calls, over a transport. */
export function openServerAdmin(transport: Transport, deadlineMs: number): ServerAdmin {
  const { method } = AdminService;
  const limits = (options: CallOptions): CallOptions => ({ deadlineMs, ...options });
  return {
    ...openDatasetAdmin(transport, deadlineMs),
    ...openJanitorAdmin(transport),
    async stats(options = {}) {
      const stats = await transport.unary(method.getStats, {}, limits(options));
      return {
        lookups: counts(stats.lookups),
        upstreamRequests: counts(stats.upstreamRequests),
        upstreamRequestKinds: counts(stats.upstreamRequestKinds),
        upstreamBytes: Number(stats.upstreamBytes),
        flights: Number(stats.flights),
        waiters: Number(stats.waiters),
        store: stats.store,
        entries: stats.entries === undefined ? undefined : Number(stats.entries),
        storedBytes: stats.storedBytes === undefined ? undefined : Number(stats.storedBytes),
        controlAnswers: stats.controlAnswers,
        uptimeMs: Number(stats.uptimeMs),
        failures: counts(stats.failures),
        upstreamLoads: Object.fromEntries(
          Object.entries(stats.upstreamLoads).map(([name, load]) => [name, loadOf(load)]),
        ),
      };
    },
    async *entries(contains = '', options = {}) {
      let cursor = '';
      do {
        const request = { contains, cursor, limit: PAGE_ENTRIES };
        const page = await transport.unary(method.listEntries, request, limits(options));
        yield* page.entries.map(entryOf);
        cursor = page.cursor;
      } while (cursor !== '');
    },
    async datasets(options = {}) {
      const { datasets } = await transport.unary(method.listDatasets, {}, limits(options));
      return datasets.map(({ dataset, upstream, endpoint, version, records, partitions }) => {
        return { dataset, upstream, endpoint, version, records: Number(records), partitions };
      });
    },
    async explain(url, init = {}, options = {}) {
      const { lookup } = fetchRequest(url, init);
      const request = {
        method: Buffer.from(lookup.method, 'latin1'),
        url: Buffer.from(lookup.url, 'latin1'),
        headers: lookup.headers.map(([name, value]) => ({
          name: Buffer.from(name, 'latin1'),
          value: Buffer.from(value, 'latin1'),
        })),
      };
      const { outcome, key, reasons, entry } = await transport.unary(
        method.explain,
        { request },
        limits(options),
      );
      return { outcome, key, reasons, entry: entry && entryOf(entry) };
    },
  };
}
