/** Two replicas over one Redis, in this process: the story of a request, and the objects of callers, with real time and real sockets. */
import { createServer } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { GenerationMode, GenerationTarget } from '@pannier/proto/generation';
import { createMetrics, loadConfig } from '@pannier/runtime';
import { systemClock } from '../../cache-server/src/clock.ts';
import type { EntryResponse } from '../../cache-server/src/entry/entry-answer.ts';
import type { EntryService } from '../../cache-server/src/entry/entry-service.ts';
import { createGenerations } from '../../cache-server/src/generation/create-generations.ts';
import type { Generations } from '../../cache-server/src/generation/generations.ts';
import { createGetEntry } from '../../cache-server/src/get-entry.ts';
import { readBody } from '../../cache-server/src/get-entry.fixture.ts';
import { invalidate } from '../../cache-server/src/invalidate.ts';
import { createObjectKeeper } from '../../cache-server/src/keep-object.ts';
import type { ObjectKeeper } from '../../cache-server/src/keep-object.ts';
import { ConnectionErrors } from '../../cache-server/src/store/redis/connection-errors.ts';
import { openRedisControl } from '../../cache-server/src/store/redis/control-connection.ts';
import { RedisInvalidationLog } from '../../cache-server/src/store/redis/redis-invalidation-log.ts';
import { createRedisStore } from '../../cache-server/src/store/redis-store.ts';
import { createUpstreamRegistry } from '../../cache-server/src/upstream/upstream-registry.ts';
import { until } from '../contract/redis-harness.ts';
import { listenOnLoopback } from '../fixture/loopback-port.ts';
import { startRedis } from '../fixture/redis-server.ts';
import type { RedisFixture } from '../fixture/redis-server.ts';

/** One replica. */
export interface Replica {
  readonly service: EntryService;
  readonly objects: ObjectKeeper;
  readonly generations: Generations;
  /** A GET of a path that must be answered by a response, and its body. */
  get(path: string, ...headers: [string, string][]): Promise<EntryResponse & { text: string }>;
  invalidate(kind: GenerationTarget['kind'], value: string, mode?: GenerationMode): Promise<void>;
  /** Waits until what was fetched is published. */
  landed(): Promise<void>;
}

/** The pair and what it stands on. */
export interface ReplicaPair extends AsyncDisposable {
  readonly one: Replica;
  readonly other: Replica;
  /** Entries, and the log of invalidations. */
  readonly data: RedisFixture;
  readonly control: RedisFixture;
  readonly url: string;
  /** Requests that reached the upstream. */
  readonly requests: IncomingMessage[];
  answer: (request: IncomingMessage, response: ServerResponse) => void;
}

const NEVER = new AbortController().signal;
/** On a busy machine Redis is slow, which is not to be taken for away. */
const SETTINGS = { keyPrefix: 'pannier-test', commandTimeoutMs: 20_000, protocol: 3 } as const;

async function openReplica(
  { url, data, control }: Pick<ReplicaPair, 'url' | 'data' | 'control'>,
  parts: AsyncDisposableStack,
): Promise<Replica> {
  const config = loadConfig({ env: {}, overrides: { upstreams: { api: { url } } } });
  const { limits } = config;
  const upstreams = await createUpstreamRegistry({
    upstreams: config.upstreams,
    undeclared: 'pass',
    allowPrivateAddresses: [],
    ownAddresses: [],
    viaName: 'pannier-server-test',
    limits,
  });
  const store = createRedisStore({ ...SETTINGS, url: data.url });
  const errors = new ConnectionErrors(
    () => undefined,
    () => performance.now(),
  );
  const connection = openRedisControl(
    { ...SETTINGS, url: control.url },
    { errors, onEvictingPolicy: () => undefined },
  );
  await until(() => store.isReady && connection.isReady);
  const clock = systemClock;
  const { random } = Math;
  const log = new RedisInvalidationLog({
    control: connection,
    keyPrefix: SETTINGS.keyPrefix,
    clock,
    random,
  });
  const generations = createGenerations({ clock, random, log });
  const shared = { store, generations, limits, clock, random };
  const logger = { warn: () => undefined };
  const service = createGetEntry({
    ...shared,
    upstreams,
    plainUrls: new Set(),
    logger,
    metrics: createMetrics('test'),
  });
  parts.defer(async () => {
    service.close();
    await generations.close();
    await Promise.all([upstreams.close(), store.close(), connection.close()]);
  });
  return {
    service,
    generations,
    objects: createObjectKeeper({ ...shared, logger, logTimeoutMs: SETTINGS.commandTimeoutMs }),
    async get(path, ...headers) {
      const request = { method: 'GET', url: url + path, headers };
      const answer = await service.getEntry(request, { identity: 'test' }, NEVER);
      if (answer.kind !== 'response') throw new Error(`expected a response, not ${answer.outcome}`);
      return { ...answer, text: String(await readBody(answer.body)) };
    },
    async invalidate(kind, value, mode = 'hard') {
      const deps = { generations, upstreams, datasetUrls: () => [] };
      await invalidate([{ kind, value: kind === 'url' ? url + value : value }], mode, deps);
    },
    landed: async () => await until(() => service.activity().flights === 0),
  };
}

/** Starts the pair; the answer may be exchanged at any time. */
export async function startReplicaPair(answer: ReplicaPair['answer']): Promise<ReplicaPair> {
  await using starting = new AsyncDisposableStack();
  const [data, control] = [starting.use(await startRedis()), starting.use(await startRedis())];
  const requests: IncomingMessage[] = [];
  const server = createServer((request, response) => {
    requests.push(request);
    pair.answer(request, response);
  });
  const url = `http://127.0.0.1:${await listenOnLoopback(server)}`;
  starting.defer(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  const place = { url, data, control };
  const one = await openReplica(place, starting);
  const other = await openReplica(place, starting);
  const parts = starting.move();
  const pair: ReplicaPair = {
    ...place,
    one,
    other,
    requests,
    answer,
    [Symbol.asyncDispose]: async () => await parts.disposeAsync(),
  };
  return pair;
}
