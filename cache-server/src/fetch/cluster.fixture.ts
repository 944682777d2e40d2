/** Several entry services that share a store, leases and an upstream, as the servers of a cluster do, in one process. */
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { HeaderList } from '@pannier/http-semantics';
import { createMetrics, loadConfig } from '@pannier/runtime';
import type { Metrics } from '@pannier/runtime';
import { onTestFinished } from 'vitest';
import { systemClock } from '../clock.ts';
import type { EntryAnswer, EntryResponse } from '../entry/entry-answer.ts';
import type { EntryLimits, GetEntryDeps } from '../entry/entry-context.ts';
import type { EntryService } from '../entry/entry-service.ts';
import { createGenerations } from '../generation/create-generations.ts';
import type { Generations } from '../generation/generations.ts';
import { createGetEntry } from '../get-entry.ts';
import { until } from './held-answers.fixture.ts';
import type { LeaseStore } from '../lease/lease-store.ts';
import { ProcessLeases } from '../lease/process-leases.fixture.ts';
import type { EntryStore } from '../store/entry-store.ts';
import { createMemoryStore } from '../store/memory-store.ts';
import { createUpstreamRegistry } from '../upstream/upstream-registry.ts';

const NEVER = new AbortController().signal;

/** What a test may choose. */
export interface TestClusterOptions {
  readonly answer: RequestListener;
  readonly servers?: number;
  readonly limits?: Partial<EntryLimits>;
  /** By how much the clock of each server runs ahead, in milliseconds; not at all by default. A test may change it. */
  readonly aheadMs?: readonly number[];
  /** What a server has of the leases that all share. */
  readonly leasesOf?: (server: number, leases: LeaseStore) => LeaseStore;
  /** What a server knows of the invalidations that all share. */
  readonly generationsOf?: (server: number, generations: Generations) => Generations;
}

/** What a request may say beside its path. */
interface TestRequest {
  readonly headers?: HeaderList;
  readonly signal?: AbortSignal;
}

/** A cluster in one process; the time is real. */
export interface TestCluster {
  readonly services: readonly EntryService[];
  /** Of the upstream. */
  readonly url: string;
  readonly leases: ProcessLeases;
  readonly store: EntryStore;
  /** All servers know of it at once. */
  readonly invalidate: Generations['invalidate'];
  /** Requests that the upstream got so far. */
  asked(): number;
  /** Answers of the upstream from now on. */
  answer(listener: RequestListener): void;
  ask(server: number, path: string, request?: TestRequest): Promise<EntryAnswer>;
  /** A GET that must be answered by a response. */
  get(server: number, path: string, request?: TestRequest): Promise<EntryResponse>;
  /** Reasons for which a server did not publish what it had, as it logged them: no two of the same kind within 10 s. */
  readonly unpublished: readonly (readonly string[])[];
  /** How often a server had a part in a flight, by its metrics. */
  role(server: number, role: string): Promise<number>;
  /**
   * Waits until servers have followed so often in all, and the millisecond is over: a response of the same one counts for one that came before
   * they asked.
   */
  followed(servers: readonly number[], times: number): Promise<void>;
  /** Waits until no flight is under way. */
  landed(): Promise<void>;
}

interface CountedUpstream extends AsyncDisposable {
  readonly url: string;
  asked: number;
  answer: RequestListener;
}

async function startUpstream(answer: RequestListener): Promise<CountedUpstream> {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const upstream: CountedUpstream = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    asked: 0,
    answer,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  server.on('request', (...exchange: Parameters<RequestListener>) => {
    upstream.asked += 1;
    upstream.answer(...exchange);
  });
  return upstream;
}

interface TestServer {
  readonly service: EntryService;
  readonly metrics: Metrics;
  readonly unpublished: readonly string[];
}

function openServer(
  deps: Omit<GetEntryDeps, 'clock' | 'logger' | 'metrics'>,
  aheadMs: () => number,
): TestServer {
  const metrics = createMetrics('test');
  const unpublished: string[] = [];
  const clock = { ...systemClock, now: () => systemClock.now() + aheadMs() };
  const warn = ({ what, reason }: { what?: unknown; reason?: unknown }): void =>
    void (what === 'not-published' && unpublished.push(String(reason)));
  return { service: createGetEntry({ ...deps, clock, logger: { warn }, metrics }), metrics, unpublished };
}

/** How often a server had a part in a flight. */
async function roleOf({ metrics }: TestServer, name: string): Promise<number> {
  const text = await metrics.registry.metrics();
  return Number(new RegExp(`flight_roles_total\\{role="${name}"\\} (\\d+)`).exec(text)?.[1] ?? 0);
}

/** See `TestCluster.followed`. */
async function followed(servers: readonly TestServer[], times: number): Promise<void> {
  await until(async () => {
    const roles = await Promise.all(servers.map(async (server) => await roleOf(server, 'follower')));
    return roles.reduce((sum, one) => sum + one, 0) >= times;
  });
  const sinceMs = systemClock.now();
  await until(() => systemClock.now() > sinceMs);
}

/** Starts one; the test's end ends it. */
export async function startTestCluster(options: TestClusterOptions): Promise<TestCluster> {
  const upstream = await startUpstream(options.answer);
  const { url } = upstream;
  const config = loadConfig({ env: {}, overrides: { upstreams: { api: { url } } } });
  const upstreams = await createUpstreamRegistry({
    upstreams: config.upstreams,
    undeclared: 'pass',
    allowPrivateAddresses: [],
    ownAddresses: [],
    viaName: 'pannier-server-test',
    limits: config.limits,
  });
  const leases = new ProcessLeases(systemClock);
  const store = createMemoryStore({ bytesMax: 1e9, now: systemClock.now });
  const generations = createGenerations({ clock: systemClock, random: Math.random });
  const servers = Array.from({ length: options.servers ?? 3 }, (_none, server) => {
    const deps = {
      store,
      leases: options.leasesOf?.(server, leases) ?? leases,
      generations: options.generationsOf?.(server, generations) ?? generations,
      upstreams,
      plainUrls: new Set<string>(),
      limits: { ...config.limits, ...options.limits },
      random: Math.random,
    };
    return openServer(deps, () => options.aheadMs?.[server] ?? 0);
  });
  const services = servers.map(({ service }) => service);
  onTestFinished(async () => {
    for (const service of services) service.close();
    await generations.close();
    await upstreams.close();
    await upstream[Symbol.asyncDispose]();
  });
  const serverOf = (index: number): TestServer => {
    const server = servers[index];
    if (server === undefined) throw new Error(`no server ${index}`);
    return server;
  };
  const ask: TestCluster['ask'] = async (server, path, { headers = [], signal = NEVER } = {}) => {
    const { service } = serverOf(server);
    const request = { method: 'GET', url: url + path, headers };
    return await service.getEntry(request, { identity: 'test' }, signal);
  };
  return {
    services,
    url,
    leases,
    store,
    unpublished: servers.map(({ unpublished }) => unpublished),
    invalidate: async (...invalidated) => await generations.invalidate(...invalidated),
    asked: () => upstream.asked,
    answer: (listener) => void (upstream.answer = listener),
    ask,
    async get(...request) {
      const got = await ask(...request);
      if (got.kind !== 'response') throw new Error(`expected a response, not ${got.outcome}`);
      return got;
    },
    role: async (server, name) => await roleOf(serverOf(server), name),
    followed: async (those, times) => await followed(those.map(serverOf), times),
    async landed() {
      while (services.some((service) => service.activity().flights > 0))
        await new Promise((resolve) => setTimeout(resolve, 5));
    },
  };
}
