/** What is published of a response that came whole, and what is not: each rule by itself, with clocks that do not agree. */
import { randomBytes } from 'node:crypto';
import type { ServerResponse } from 'node:http';
import { describe, expect, it, vi } from 'vitest';
import { startTestCluster } from './cluster.fixture.ts';
import type { TestCluster } from './cluster.fixture.ts';
import { CacheServerError } from '../errors.ts';
import { readBody, startEntries } from '../get-entry.fixture.ts';
import { createMemoryStore } from '../store/memory-store.ts';

const FRESH = { 'cache-control': 'max-age=600', 'surrogate-key': 'prices', etag: '"1"' };
const WAIT_MS = 30_000;
/** A clock that runs ahead by this makes whatever its server asks for look later than what the others ask for afterwards. */
const AHEAD_MS = 60_000;

async function content(answer: ReturnType<TestCluster['get']>): Promise<string> {
  return String(await readBody((await answer).body));
}

async function landed({ services }: TestCluster, server: number): Promise<void> {
  await vi.waitFor(() => expect(services[server]?.activity().flights).toBe(0), WAIT_MS);
}

describe('a leader that was stopped, and whose clock runs ahead,', () => {
  /** Server 0 has the head of what is old by now, and knows of nothing; server 1 has taken over and published what is new. */
  async function startOvertaken(): Promise<{
    cluster: TestCluster;
    /** Lets what is old come to its end. @returns what is served then, by a server that had no part in it */
    goOn: () => Promise<string>;
    cutOff: () => void;
  }> {
    const sent: ServerResponse[] = [];
    let isCutOff = false;
    const cluster = await startTestCluster({
      answer: (_request, response) => void sent.push(response),
      aheadMs: [AHEAD_MS, 0, 0],
      leasesOf: (server, leases) =>
        new Proxy(leases, {
          get(target, name) {
            if (server === 0 && isCutOff) throw new CacheServerError('store', 'cut off');
            const value: unknown = Reflect.get(target, name);
            return typeof value === 'function' ? (value.bind(target) as unknown) : value;
          },
        }),
    });
    const leading = cluster.get(0, '/a');
    await vi.waitFor(() => expect(sent).toHaveLength(1), WAIT_MS);
    sent[0]?.writeHead(200, FRESH).write('old ');
    await leading;
    const confirming = [['cache-control', 'no-cache'] as const];
    return {
      cluster,
      cutOff: () => void (isCutOff = true),
      async goOn() {
        for (const name of cluster.leases.held()) cluster.leases.expire(name);
        const newer = cluster.get(1, '/a', { headers: confirming });
        await vi.waitFor(() => expect(sent).toHaveLength(2), WAIT_MS);
        sent[1]?.writeHead(200, { ...FRESH, etag: '"2"' }).end('new');
        expect(await content(newer)).toBe('new');
        await landed(cluster, 1);
        sent[0]?.end('one');
        expect(await content(leading)).toBe('old one');
        await landed(cluster, 0);
        const after = await cluster.get(2, '/a');
        expect(after.outcome).toBe('hit');
        return String(await readBody(after.body));
      },
    };
  }

  it('asks whether its lease still counts, and publishes nothing', async () => {
    const { cluster, goOn } = await startOvertaken();
    expect(await goOn()).toBe('new');
    expect(cluster.unpublished).toEqual([['lease-lost'], [], []]);
  });

  it('is refused by its token where it cannot ask', async () => {
    const { cluster, goOn, cutOff } = await startOvertaken();
    cutOff();
    expect(await goOn()).toBe('new');
    expect(cluster.unpublished).toEqual([['later-lease'], [], []]);
  });
});

describe('the generation of what is published', () => {
  it.each([
    ['before its head comes', 'soft', false],
    ['before its head comes', 'hard', false],
    ['while its body comes', 'soft', true],
    ['while its body comes', 'hard', true],
  ] as const)(
    'is that of before the request: what is invalidated %s (%s) is not what the next one gets',
    async (_when, mode, isInBody) => {
      const sent: ServerResponse[] = [];
      const entries = await startEntries({
        answer: (_request, response) => void sent.push(response),
        limits: { inlineBytesMax: 1 },
      });
      const alone = entries.get('/a');
      await vi.waitFor(() => expect(sent).toHaveLength(1), WAIT_MS);
      if (isInBody) {
        // Too long to be waited for with the head.
        sent[0]?.writeHead(200, { ...FRESH, 'content-length': 3 }).write('o');
        await alone;
      }
      await entries.invalidate('tag', 'prices', mode);
      if (isInBody) sent[0]?.end('ld');
      else sent[0]?.writeHead(200, FRESH).end('old');
      expect(String(await readBody((await alone).body))).toBe('old');
      await entries.landed();
      const after = entries.get('/a');
      await vi.waitFor(() => expect(sent).toHaveLength(2), WAIT_MS);
      sent[1]?.writeHead(200, FRESH).end('new');
      expect(String(await readBody((await after).body))).toBe('new');
      await entries.landed();
      expect((await entries.get('/a')).outcome).toBe('hit');
    },
  );
});

describe('a partition that is evicted between its write and the swap', () => {
  it('leaves the entry unpublished; its readers have all of it, and the next one fetches it anew', async () => {
    const body = randomBytes(300_000);
    const written: { scope: string; digest: Uint8Array }[] = [];
    const sent: ServerResponse[] = [];
    const entries = await startEntries({
      answer: (_request, response) => void sent.push(response),
      limits: { partitionBytes: 64 * 1024, inlineBytesMax: 8 * 1024 },
      store: (clock) => {
        const store = createMemoryStore({ bytesMax: 1e9, now: () => clock.now() });
        const writeFrames: typeof store.writeFrames = async (scope, frames, ttlMs) => {
          await store.writeFrames(scope, frames, ttlMs);
          written.push(...frames.map(({ digest }) => ({ scope, digest })));
        };
        return new Proxy(store, {
          get(target, name) {
            if (name === 'writeFrames') return writeFrames;
            const value: unknown = Reflect.get(target, name);
            return typeof value === 'function' ? (value.bind(target) as unknown) : value;
          },
        });
      },
    });
    const reading = entries.get('/a').then(async (answer) => await readBody(answer.body));
    await vi.waitFor(() => expect(sent).toHaveLength(1), WAIT_MS);
    sent[0]?.writeHead(200, FRESH).write(body.subarray(0, 200_000));
    await vi.waitFor(() => expect(written.length).toBeGreaterThan(0), WAIT_MS);
    const [first] = written;
    if (first !== undefined) await entries.store.deleteFrames(first.scope, [first.digest]);
    sent[0]?.end(body.subarray(200_000));
    expect(await reading).toEqual(body);
    await entries.landed();
    expect(await entries.storedKeys()).toEqual([]);
    expect(entries.logged).toMatchObject([{ what: 'not-published', reason: 'partition-lost' }]);
    const next = entries.get('/a').then(async (answer) => await readBody(answer.body));
    await vi.waitFor(() => expect(sent).toHaveLength(2), WAIT_MS);
    sent[1]?.writeHead(200, FRESH).end(body);
    expect(await next).toEqual(body);
    await entries.landed();
    expect(await entries.storedKeys()).toHaveLength(1);
  });
});
