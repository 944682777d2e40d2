import { randomBytes } from 'node:crypto';
import type { RequestListener } from 'node:http';
import { describe, expect, it } from 'vitest';
import type { Clock } from '../clock.ts';
import { CacheServerError } from '../errors.ts';
import { readBody, startEntries, SteppingReader } from '../get-entry.fixture.ts';
import type { EntryStore } from '../store/entry-store.ts';
import { createMemoryStore } from '../store/memory-store.ts';

const CACHEABLE = { 'cache-control': 'max-age=60', etag: '"one"' };
const HALF = randomBytes(700_000);

/** Three ways to break off; the second request is answered whole. */
const CUTS: Record<string, RequestListener> = {
  'a short Content-Length': (_, response) => {
    response.writeHead(200, { ...CACHEABLE, 'content-length': 2 * HALF.length });
    response.write(HALF, () => response.destroy());
  },
  'a missing last chunk': (_, response) => {
    response.writeHead(200, CACHEABLE);
    response.write(HALF, () => response.destroy());
  },
  'a TCP reset': (_, response) => {
    response.writeHead(200, { ...CACHEABLE, 'content-length': 2 * HALF.length });
    response.write(HALF, () => response.socket?.resetAndDestroy());
  },
};

/** A memory store in which one method fails when asked to. */
function failingStore(clock: Clock, fails: (method: keyof EntryStore) => boolean): EntryStore {
  const store = createMemoryStore({ bytesMax: 1e9, now: () => clock.now() });
  return new Proxy(store, {
    get(target, name: keyof EntryStore) {
      const value = target[name];
      if (typeof value !== 'function') return value;
      return async (...args: never[]) => {
        if (fails(name)) throw new CacheServerError('store', `${name} fails on purpose`);
        return await (value as (...args: never[]) => Promise<unknown>).apply(target, args);
      };
    },
  });
}

describe('a broken upstream', () => {
  it.each(Object.entries(CUTS))('with %s breaks the transfer and stores nothing', async (_, cut) => {
    const { get, upstream, landed, storedKeys, service } = await startEntries({ answer: cut });
    const broken = await get('/a');
    await expect(readBody(broken.body)).rejects.toMatchObject({ code: 'upstream-truncated' });
    await landed();
    expect(await storedKeys()).toEqual([]);
    expect(service.counts().failures).toMatchObject({ 'upstream-truncated': 1 });
    upstream.answer = (_, response) => response.writeHead(200, CACHEABLE).end(HALF);
    expect((await readBody((await get('/a')).body)).equals(HALF)).toBe(true);
  });

  it('without length or chunks is served and never stored, since its end proves nothing', async () => {
    const { get, landed } = await startEntries({
      answer: (_, response) => {
        response.socket?.end('HTTP/1.1 200 OK\r\ncache-control: max-age=60\r\nconnection: close\r\n\r\nbody');
      },
    });
    const answer = await get('/a');
    expect((await readBody(answer.body)).toString()).toBe('body');
    expect(answer.body.stored).toBe(false);
    await landed();
    expect((await get('/a')).outcome).toBe('miss');
  });

  it('keeps the old version when the new one breaks off', async () => {
    const { get, upstream, landed, clock } = await startEntries({
      answer: (_, response) => response.writeHead(200, CACHEABLE).end('old'),
    });
    await get('/a');
    await landed();
    clock.pass(61_000);
    upstream.answer = CUTS['a missing last chunk']!;
    await expect(readBody((await get('/a')).body)).rejects.toMatchObject({ code: 'upstream-truncated' });
    await landed();
    upstream.answer = (_, response) => response.writeHead(304, { etag: '"one"' }).end();
    const again = await get('/a');
    expect(again.outcome).toBe('revalidated');
    expect((await readBody(again.body)).toString()).toBe('old');
  });

  it('that cannot be reached is named with its host', async () => {
    const { get, service } = await startEntries({
      answer: () => undefined,
      upstream: { url: 'http://127.0.0.1:1/' },
    });
    const failed = get('http://127.0.0.1:1/a');
    await expect(failed).rejects.toMatchObject({
      code: 'upstream-unreachable',
      proxyError: 'connection_refused',
    });
    await expect(failed).rejects.toThrow('api (127.0.0.1:1)');
    expect(service.counts().lookups).toMatchObject({ 'upstream-error': 1 });
  });
});

describe('a broken store', () => {
  it('delays and breaks nothing when it fails in every way', async () => {
    const { get, service } = await startEntries({
      answer: (_, response) => response.writeHead(200, CACHEABLE).end(HALF),
      store: (clock) => failingStore(clock, () => true),
    });
    const answer = await get('/a');
    expect((await readBody(answer.body)).equals(HALF)).toBe(true);
    expect(service.counts().failures['store-read']).toBeGreaterThan(0);
  });

  it('that fails in the middle of a body only ends the storing', async () => {
    const bytes = randomBytes(5_000_000);
    let frames = 0;
    const { get, service, landed } = await startEntries({
      answer: (_, response) => response.writeHead(200, CACHEABLE).end(bytes),
      store: (clock) => failingStore(clock, (method) => method === 'writeFrames' && ++frames > 3),
    });
    const [first, second] = await Promise.all([get('/a'), get('/a')]);
    const read = await Promise.all([readBody(first.body), readBody(second.body)]);
    expect(read.every((body) => body.equals(bytes))).toBe(true);
    await landed();
    expect(service.counts().failures).toMatchObject({ 'storing-abandoned': 1 });
    expect((await get('/a')).outcome).toBe('miss');
  });

  it('that cannot read the partitions of a fresh entry makes a miss of it', async () => {
    let failing = false;
    const { get, upstream, landed } = await startEntries({
      answer: (_, response) => response.writeHead(200, CACHEABLE).end(HALF),
      store: (clock) => failingStore(clock, (method) => method === 'readFrames' && failing),
    });
    await readBody((await get('/a')).body);
    await landed();
    failing = true;
    expect((await readBody((await get('/a')).body)).equals(HALF)).toBe(true);
    expect(upstream.requests).toHaveLength(2);
  });

  it('that lost the first partition makes a miss; one that lost a later one is fetched anew, and the transfer goes on with that', async () => {
    const bytes = randomBytes(4_000_000);
    const lost = new Set<number>();
    const { get, landed, service, upstream } = await startEntries({
      answer: (_, response) => response.writeHead(200, CACHEABLE).end(bytes),
      store: (clock) => damagedStore(clock, lost),
    });
    await readBody((await get('/a')).body);
    await landed();
    lost.add(0);
    const refetched = await get('/a');
    expect(refetched.outcome).toBe('miss');
    expect((await readBody(refetched.body)).equals(bytes)).toBe(true);
    await landed();
    lost.clear();
    lost.add(5);
    const repaired = await get('/a');
    expect(repaired.outcome).toBe('hit');
    expect((await readBody(repaired.body)).equals(bytes)).toBe(true);
    await landed();
    lost.clear();
    const again = await get('/a');
    expect(again.outcome).toBe('hit');
    expect((await readBody(again.body)).equals(bytes)).toBe(true);
    expect(upstream.requests.length).toBe(3);
    expect(service.counts().failures['frame-damaged']).toBeGreaterThan(0);
  });

  it('that has a damaged manifest makes a miss', async () => {
    const { get, landed, store, storedKeys, service } = await startEntries({
      answer: (_, response) => response.writeHead(200, CACHEABLE).end('x'),
    });
    await get('/a');
    await landed();
    const [key] = await storedKeys();
    await store.writeManifest(key!, { bytes: Buffer.from('nonsense'), version: 'x', ttlMs: 1000 });
    expect((await get('/a')).outcome).toBe('miss');
    expect(service.counts().failures).toMatchObject({ 'manifest-unreadable': 2 });
  });
});

/** Flips a byte of the frames that were written at these positions, on their way out. */
function damagedStore(clock: Clock, lost: ReadonlySet<number>): EntryStore {
  const store = createMemoryStore({ bytesMax: 1e9, now: () => clock.now() });
  const order: string[] = [];
  const name = (digest: Uint8Array): string => Buffer.from(digest).toString('hex');
  const writeFrames = store.writeFrames.bind(store);
  const readFrames = store.readFrames.bind(store);
  store.writeFrames = async (scope, frames, ttlMs) => {
    for (const { digest } of frames) if (!order.includes(name(digest))) order.push(name(digest));
    await writeFrames(scope, frames, ttlMs);
  };
  store.readFrames = async (scope, digests) => {
    const frames = await readFrames(scope, digests);
    for (const [i, frame] of frames.entries()) {
      if (frame !== undefined && lost.has(order.indexOf(name(digests[i]!)))) frame[100]! ^= 1;
    }
    return frames;
  };
  return store;
}

describe('the first bytes', () => {
  it('reach the reader before a slow upstream has sent 64 KB', async () => {
    const { get } = await startEntries({
      answer: (_, response) => {
        response.writeHead(200, { ...CACHEABLE, 'content-length': 1_000_000 });
        response.write(Buffer.alloc(10_000, 1));
      },
    });
    const answer = await get('/a');
    const reader = new SteppingReader(answer.body);
    await reader.step();
    expect(reader.bytes).toBe(10_000);
  });
});
