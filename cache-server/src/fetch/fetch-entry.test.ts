import { describe, expect, it } from 'vitest';
import { readBody, startEntries } from '../get-entry.fixture.ts';
import { createMemoryStore } from '../store/memory-store.ts';

const CACHEABLE = { 'cache-control': 'max-age=60', etag: '"one"' };

describe('the work of a flight', () => {
  it('looks again, so that who looked before another flight published does not fetch a second time', async () => {
    let lookups = 0;
    const held = Promise.withResolvers<void>();
    const looked = Promise.withResolvers<void>();
    const { get, upstream, landed } = await startEntries({
      answer: (_, response) => response.writeHead(200, CACHEABLE).end('x'),
      store: (clock) => {
        const store = createMemoryStore({ bytesMax: 1e6, now: () => clock.now() });
        const readManifest = store.readManifest.bind(store);
        // The first request's look ends only when it is told to, with what there was when it began.
        store.readManifest = async (key) => {
          const found = await readManifest(key);
          lookups += 1;
          if (lookups === 1) {
            looked.resolve();
            await held.promise;
          }
          return found;
        };
        return store;
      },
    });
    const first = get('/a');
    await looked.promise;
    expect((await get('/a')).outcome).toBe('miss');
    await landed();
    held.resolve();
    expect((await first).outcome).toBe('hit');
    expect(upstream.requests).toHaveLength(1);
  });

  it('fetches whole when the upstream confirms what is lost', async () => {
    const { get, upstream, landed, clock, store } = await startEntries({
      answer: (request, response) => {
        if (request.headers['if-none-match'] !== undefined) response.writeHead(304, CACHEABLE).end();
        else response.writeHead(200, CACHEABLE).end('x'.repeat(100_000));
      },
    });
    await readBody((await get('/a')).body);
    await landed();
    // Frames outlive their manifest by one retention: an hour after the first, the next 304 has to extend them.
    clock.pass(3_500_000);
    expect((await get('/a')).outcome).toBe('revalidated');
    const extend = store.extendFrames.bind(store);
    store.extendFrames = async (scope, digests, ttlMs) =>
      (await extend(scope, digests, ttlMs)).map(() => false);
    clock.pass(3_590_000);
    const again = await get('/a');
    expect(again.outcome).toBe('refreshed');
    expect((await readBody(again.body)).length).toBe(100_000);
    expect(upstream.requests.map(({ headers }) => headers['if-none-match'] !== undefined)).toEqual([
      false,
      true,
      true,
      false,
    ]);
  });

  it('does not keep what a 304 turns private', async () => {
    const { ask, get, upstream, landed, clock, storedKeys } = await startEntries({
      answer: (_, response) => response.writeHead(200, CACHEABLE).end('x'),
    });
    await get('/a');
    await landed();
    clock.pass(61_000);
    upstream.answer = (request, response) => {
      const status = request.headers['if-none-match'] === undefined ? 200 : 304;
      response.writeHead(status, { ...CACHEABLE, 'cache-control': 'private' }).end();
    };
    const [first, second] = await Promise.all([ask('/a'), ask('/a')]);
    expect(first).toMatchObject({ kind: 'response', body: { stored: false } });
    expect(second).toMatchObject({ kind: 'bypass', outcome: 'bypass-uncacheable' });
    await landed();
    expect(await storedKeys()).toEqual([]);
  });

  it('gives up after limits.fetchDeadlineMs', async () => {
    const { get, clock, upstream } = await startEntries({
      answer: (_, response) => response.writeHead(200, CACHEABLE).write('x'.repeat(100_000)),
    });
    const answer = await get('/a');
    await upstream.arrived(1);
    clock.pass(600_000);
    await expect(readBody(answer.body)).rejects.toMatchObject({ code: 'upstream-timeout' });
  });
});
