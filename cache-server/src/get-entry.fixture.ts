/** An entry service over real sockets and a memory store, with a clock that a test moves. */
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { HeaderList } from '@pannier/http-semantics';
import type { GenerationMode, GenerationTarget } from '@pannier/proto/generation';
import { decodeBytes, decodeFrame } from '@pannier/proto/partition-format';
import { createMetrics, loadConfig } from '@pannier/runtime';
import { onTestFinished } from 'vitest';
import type { Clock } from './clock.ts';
import type { BodyPart, EntryAnswer, EntryBody, EntryResponse } from './entry/entry-answer.ts';
import type { EntryLimits } from './entry/entry-context.ts';
import type { EntryService } from './entry/entry-service.ts';
import { createGenerations } from './generation/create-generations.ts';
import type { Generations } from './generation/generations.ts';
import type { InvalidationLog } from './generation/invalidation-log.ts';
import { ProcessInvalidationLog } from './generation/process-invalidation-log.ts';
import { createGetEntry } from './get-entry.ts';
import type { EntryStore } from './store/entry-store.ts';
import { invalidate } from './invalidate.ts';
import { createMemoryStore } from './store/memory-store.ts';
import { createUpstreamRegistry } from './upstream/upstream-registry.ts';
import type { UpstreamRegistryOptions } from './upstream/upstream-registry.ts';

/** A clock that stands still until it is moved; timers run while it passes them. */
export class ManualClock implements Clock {
  #now = Date.UTC(2026, 0, 1);
  #timers = new Map<object, { atMs: number; run: () => void }>();

  now(): number {
    return this.#now;
  }

  after(delayMs: number, run: () => void): () => void {
    const id = {};
    this.#timers.set(id, { atMs: this.#now + delayMs, run });
    return () => this.#timers.delete(id);
  }

  pass(ms: number): void {
    this.#now += ms;
    for (const [id, { atMs, run }] of [...this.#timers].toSorted(([, a], [, b]) => a.atMs - b.atMs)) {
      if (atMs <= this.#now && this.#timers.delete(id)) run();
    }
  }
}

/** A real HTTP server whose answers a test decides, and which counts. */
export interface TestUpstream {
  readonly url: string;
  readonly requests: IncomingMessage[];
  answer: RequestListener;
  /** Waits until that many requests have arrived. */
  arrived(count: number): Promise<void>;
}

async function startTestUpstream(answer: RequestListener): Promise<TestUpstream> {
  const requests: IncomingMessage[] = [];
  const server = createServer();
  const upstream = { url: '', requests, answer, arrived };
  async function arrived(count: number): Promise<void> {
    while (requests.length < count) await once(server, 'request');
  }
  server.on('request', (request: IncomingMessage, response: ServerResponse) => {
    requests.push(request);
    // The test's clock is not the machine's.
    response.sendDate = false;
    upstream.answer(request, response);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  upstream.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  onTestFinished(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  return upstream;
}

/** What a test may choose. */
export interface TestEntriesOptions {
  answer: RequestListener;
  limits?: Partial<EntryLimits>;
  store?: (clock: Clock) => EntryStore;
  upstream?: object;
  registry?: Partial<UpstreamRegistryOptions>;
  /** Of another server over the same store; of this process alone by default. */
  log?: InvalidationLog;
}

export interface TestEntries {
  readonly service: EntryService;
  readonly clock: ManualClock;
  readonly upstream: TestUpstream;
  readonly store: EntryStore;
  readonly generations: Generations;
  /** What was logged as a warning. */
  readonly logged: readonly object[];
  /** Invalidates as the RPC does; a URL by its path. */
  invalidate(kind: GenerationTarget['kind'], value: string, mode?: GenerationMode): Promise<void>;
  /** A GET that must be answered by a response. */
  get(path: string, headers?: HeaderList, signal?: AbortSignal): Promise<EntryResponse>;
  /** Keys of what is stored. */
  storedKeys(): Promise<string[]>;
  /** Waits until no flight is under way: whatever was fetched is published. */
  landed(): Promise<void>;
  ask(path: string, headers?: HeaderList, signal?: AbortSignal): Promise<EntryAnswer>;
}

const NEVER = new AbortController().signal;

export async function startEntries(options: TestEntriesOptions): Promise<TestEntries> {
  const clock = new ManualClock();
  const upstream = await startTestUpstream(options.answer);
  const config = loadConfig({
    env: {},
    overrides: { upstreams: { api: { url: upstream.url, ...options.upstream } } },
  });
  const upstreams = await createUpstreamRegistry({
    upstreams: config.upstreams,
    undeclared: 'pass',
    allowPrivateAddresses: [],
    ownAddresses: [],
    viaName: 'pannier-server-test',
    limits: config.limits,
    ...options.registry,
  });
  const store = options.store?.(clock) ?? createMemoryStore({ bytesMax: 1e9, now: clock.now.bind(clock) });
  const log = options.log ?? new ProcessInvalidationLog({ clock, random: Math.random });
  const generations = createGenerations({ clock, random: Math.random, log });
  const logged: object[] = [];
  const service = createGetEntry({
    store,
    generations,
    upstreams,
    plainUrls: new Set(),
    limits: { ...config.limits, ...options.limits },
    clock,
    random: Math.random,
    logger: { warn: (line: object) => void logged.push(line) },
    metrics: createMetrics('test'),
  });
  onTestFinished(async () => {
    service.close();
    await upstreams.close();
  });
  const ask: TestEntries['ask'] = async (path, headers = [], signal = NEVER) =>
    await service.getEntry(
      { method: 'GET', url: path.startsWith('http') ? path : upstream.url + path, headers },
      { identity: 'test' },
      signal,
    );
  return {
    service,
    clock,
    upstream,
    store,
    generations,
    logged,
    ask,
    async invalidate(kind, path, mode = 'hard') {
      const value = kind === 'url' ? upstream.url + path : path;
      await invalidate([{ kind, value }], mode, { generations, upstreams, datasetUrls: () => [] });
    },
    async storedKeys() {
      const { keys } = await store.listKeys({ contains: '', cursor: '', limit: 1000 });
      return keys;
    },
    async landed() {
      while (service.activity().flights > 0) await new Promise((resolve) => setImmediate(resolve));
    },
    async get(...request) {
      const answer = await ask(...request);
      if (answer.kind !== 'response') throw new Error(`expected a response, not ${answer.outcome}`);
      return answer;
    },
  };
}

/** The bytes of one step of a body. */
export async function partBytes(part: BodyPart): Promise<Buffer> {
  if (part.kind === 'raw') return Buffer.from(part.bytes);
  const content = await decodeFrame(part.frame, { ...part, contentBytesMax: 2 ** 26 });
  return decodeBytes(content).subarray(part.skipBytes);
}

/** The whole body, as its reader gets it. */
export async function readBody(body: EntryBody, offset = 0): Promise<Buffer> {
  if (body.inline !== undefined) return Buffer.from(body.inline.subarray(offset));
  const parts: Buffer[] = [];
  for await (const part of body.open(offset, NEVER)) parts.push(await partBytes(part));
  return Buffer.concat(parts);
}

async function* partsOf(body: EntryBody): AsyncGenerator<BodyPart, void, undefined> {
  yield* body.open(0, NEVER);
}

/** Reads a body step by step. */
export class SteppingReader {
  readonly #steps: AsyncGenerator<BodyPart, void, undefined>;
  bytes = 0;

  constructor(body: EntryBody) {
    this.#steps = partsOf(body);
  }

  /** False at the end. */
  async step(): Promise<boolean> {
    const next = await this.#steps.next();
    if (next.done === true) return false;
    this.bytes += (await partBytes(next.value)).length;
    return true;
  }

  async toEnd(): Promise<number> {
    while (await this.step());
    return this.bytes;
  }
}

/** The value of a header. */
export function header(answer: EntryResponse, name: string): string | undefined {
  return answer.headers.find(([other]) => other.toLowerCase() === name)?.[1];
}
