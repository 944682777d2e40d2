/** Datasets over real sockets and a memory store, with a clock that a test moves. */
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { decodeFrame, decodeRecords } from '@pannier/proto/partition-format';
import { createMetrics, loadConfig } from '@pannier/runtime';
import type { Metrics } from '@pannier/runtime';
import { onTestFinished } from 'vitest';
import type { DatasetQuery, Datasets } from './datasets/dataset-service.ts';
import { datasetUrls } from './datasets/declared-dataset.ts';
import type { EntryService } from './entry/entry-service.ts';
import { createGenerations } from './generation/create-generations.ts';
import type { Generations } from './generation/generations.ts';
import { createDatasets } from './get-dataset.ts';
import { createGetEntry } from './get-entry.ts';
import { ManualClock } from './get-entry.fixture.ts';
import { ProcessLeases } from './lease/process-leases.fixture.ts';
import type { EntryStore } from './store/entry-store.ts';
import { createMemoryStore } from './store/memory-store.ts';
import { createUpstreamRegistry } from './upstream/upstream-registry.ts';

export const NEVER = new AbortController().signal;

type Row = Record<string, unknown>;

/** What a test may choose. */
export interface TestDatasetsOptions {
  /** As in `pannier.yaml`, without `upstream`. */
  datasets: Record<string, object>;
  limits?: object;
  storeBytesMax?: number;
  /** What stands before the memory store; default: nothing. */
  store?: (memory: EntryStore) => EntryStore;
  /** Default 64 MiB. */
  makeshiftBytesMax?: number;
}

export interface TestDatasets {
  readonly service: Datasets;
  readonly entries: EntryService;
  readonly store: EntryStore;
  /** Of the first server. */
  readonly metrics: Metrics;
  readonly generations: Generations;
  readonly clock: ManualClock;
  /** Shared by all servers. */
  readonly leases: CountedLeases;
  readonly url: string;
  /** Requests by path. */
  readonly counts: Map<string, number>;
  /** Messages of the log, by level. */
  readonly logged: { info: string[]; warn: string[]; error: string[] };
  /** A body that is fresh for a second by default, or an answer of its own. */
  put(path: string, body: unknown, cacheControl?: string): void;
  /** All records of the dataset `d`, or of a query; by the first server unless another is given. */
  records(query?: Partial<DatasetQuery>, by?: Datasets): Promise<Row[]>;
  /** Waits until no flight is under way, and lets what was fetched run out. */
  elapse(ms: number): Promise<void>;
  /** Another server over the same store and leases; all share one entry service. */
  another(): Datasets;
}

/** Leases that know which of them were asked for. */
export class CountedLeases extends ProcessLeases {
  readonly asked: string[] = [];

  override async take(name: string): ReturnType<ProcessLeases['take']> {
    this.asked.push(name);
    return await super.take(name);
  }
}

/** Starts an upstream and datasets of it. */
export async function startDatasets(options: TestDatasetsOptions): Promise<TestDatasets> {
  const clock = new ManualClock();
  const { url, counts, put } = await startFiles();
  const declared: Record<string, object> = {};
  for (const [name, one] of Object.entries(options.datasets)) declared[name] = { upstream: 'api', ...one };
  const overrides = { upstreams: { api: { url } }, datasets: declared, limits: options.limits ?? {} };
  const config = loadConfig({ env: {}, overrides });
  const { limits } = config;
  const upstreams = await createUpstreamRegistry({
    upstreams: config.upstreams,
    undeclared: 'pass',
    allowPrivateAddresses: [],
    ownAddresses: [],
    viaName: 'pannier-server-test',
    limits,
  });
  const memory = createMemoryStore({ bytesMax: options.storeBytesMax ?? 1e9, now: () => clock.now() });
  const store = options.store?.(memory) ?? memory;
  const logged: TestDatasets['logged'] = { info: [], warn: [], error: [] };
  const logger = {
    info: (...line: unknown[]) => void logged.info.push(line.map(text).join(' ')),
    warn: (...line: unknown[]) => void logged.warn.push(line.map(text).join(' ')),
    error: (...line: unknown[]) => void logged.error.push(line.map(text).join(' ')),
  };
  const generations = createGenerations({ clock, random: Math.random });
  const leases = new CountedLeases(clock);
  const common = { store, limits, clock, random: Math.random, logger, generations };
  const plainUrls = datasetUrls(config);
  const entries = createGetEntry({ ...common, upstreams, plainUrls, metrics: createMetrics('test') });
  const { datasets, upstreams: declarations } = config;
  const { makeshiftBytesMax = 2 ** 26 } = options;
  const open = (metrics = createMetrics('test')): Datasets => {
    const parts = { datasets, upstreams: declarations, metrics, baseDir: '/', makeshiftBytesMax };
    const opened = createDatasets({ ...common, ...parts, leases, entries });
    onTestFinished(async () => await opened.close());
    return opened;
  };
  onTestFinished(async () => {
    entries.close();
    await upstreams.close();
  });
  const metrics = createMetrics('test');
  const service = open(metrics);
  const records: TestDatasets['records'] = async (query = {}, by = service) => await readAll(by, query);
  const elapse = async (ms: number): Promise<void> => {
    while (entries.activity().flights > 0) await new Promise((resolve) => setImmediate(resolve));
    clock.pass(ms);
  };
  return {
    service,
    entries,
    store,
    metrics,
    generations,
    clock,
    leases,
    url,
    counts,
    logged,
    put,
    records,
    elapse,
    another: () => open(),
  };
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}

async function startFiles(): Promise<Pick<TestDatasets, 'url' | 'counts' | 'put'>> {
  const files = new Map<string, RequestListener>();
  const counts = new Map<string, number>();
  const server = createServer((request, response) => {
    // The test's clock is not the machine's.
    response.sendDate = false;
    const { pathname } = new URL(request.url ?? '', 'http://files');
    counts.set(pathname, (counts.get(pathname) ?? 0) + 1);
    const answer = files.get(pathname);
    if (answer === undefined) response.writeHead(404).end();
    else answer(request, response);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  const put: TestDatasets['put'] = (path, body, cacheControl = 'max-age=1') => {
    const bytes = typeof body === 'string' ? body : JSON.stringify(body);
    const answer: RequestListener = (_request, response) =>
      void response.writeHead(200, { 'cache-control': cacheControl }).end(bytes);
    files.set(path, typeof body === 'function' ? (body as RequestListener) : answer);
  };
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, counts, put };
}

/** A read of all that the current version of dataset `d` has. */
export const WHOLE: DatasetQuery = {
  dataset: 'd',
  partitions: [],
  filter: undefined,
  fields: [],
  version: '',
  skipPartitions: 0,
  held: new Set(),
};

async function readAll(service: Datasets, query: Partial<DatasetQuery>): Promise<Row[]> {
  const read = await service.read({ ...WHOLE, ...query }, NEVER);
  const rows: Row[] = [];
  for await (const { sent } of read.parts()) {
    if (sent === undefined) continue;
    const { frame, digest } = sent;
    const content = await decodeFrame(frame, { scope: read.scope, digest, contentBytesMax: 2 ** 27 });
    rows.push(...(decodeRecords(content) as Row[]));
  }
  return rows;
}
