import { describe, expect, it } from 'vitest';
import { header, readBody } from '../get-entry.fixture.ts';
import { answering, bytesOf, LENGTH, rangedContent, startRanged, told } from './partial.fixture.ts';

describe('stored parts', () => {
  it('answer smaller parts, several parts, and conditions', async () => {
    const content = rangedContent(LENGTH);
    const { part, landed, upstream } = await startRanged(content);
    const etag = header(await part('1000-8999'), 'etag') ?? '';
    await landed();
    for (const [range, first, last] of [
      ['1000-8999', 1000, 8999],
      ['1500-1500', 1500, 1500],
      ['2047-6000', 2047, 6000],
    ] as const)
      expect(await told(await part(range), content.body.subarray(first, last + 1))).toBe(
        `hit 206 bytes ${first}-${last}/10000`,
      );
    const several = await part('1000-1001,3000-3001');
    expect(header(several, 'content-type')).toMatch(/^multipart\/byteranges/);
    expect(await part('1000-1001', [['If-None-Match', etag]])).toMatchObject({ outcome: 'hit', status: 304 });
    expect(upstream.requests).toHaveLength(1);
  });

  it('are put together, and become the whole when nothing is missing', async () => {
    const content = rangedContent(LENGTH);
    const { part, get, landed } = await startRanged(content);
    await part('5000-');
    await landed();
    await part('-6000');
    await landed();
    expect(await told(await part('4500-5500'), content.body.subarray(4500, 5501))).toBe(
      'hit 206 bytes 4500-5500/10000',
    );
    await part('0-4100');
    await landed();
    expect(await told(await get('/a'), content.body)).toBe('hit 200 whole');
    expect(content.asked).toEqual(['bytes=5000-', 'bytes=-6000', 'bytes=0-4100']);
  });

  it('are completed by what is missing when the whole is asked for', async () => {
    const content = rangedContent(LENGTH);
    const { part, get, landed } = await startRanged(content);
    for (const range of ['0-2999', '7000-7999', '9500-']) {
      await part(range);
      await landed();
    }
    const whole = await get('/a');
    expect(await told(whole, content.body)).toBe('miss 200 whole');
    expect(header(whole, 'cache-status')).toBe('pannier-server; fwd=partial; fwd-status=206; ttl=60; stored');
    await landed();
    expect(content.asked.at(-1)).toBe('bytes=3000-9499 if-range');
    expect(await told(await get('/a'), content.body)).toBe('hit 200 whole');
  });

  it('never answer a request for the whole, or its head', async () => {
    const { ask, part, landed, upstream, service } = await startRanged(rangedContent(LENGTH));
    await part('0-5000');
    await landed();
    expect(await ask('/a', [['Cache-Control', 'only-if-cached']])).toMatchObject({ status: 504 });
    const request = { method: 'HEAD', url: `${upstream.url}/a`, headers: [] };
    const { signal } = new AbortController();
    const head = await service.getEntry(request, { identity: 'test' }, signal);
    expect(head).toMatchObject({ kind: 'bypass', outcome: 'bypass-method' });
  });

  it('are asked about when they are stale, and stay if the upstream says so', async () => {
    const content = rangedContent(LENGTH);
    const { part, landed, clock } = await startRanged(content);
    await part('0-4999');
    await landed();
    clock.pass(61_000);
    const answer = await part('100-199');
    expect(await told(answer, content.body.subarray(100, 200))).toBe('revalidated 206 bytes 100-199/10000');
    expect(content.asked.at(-1)).toBe('bytes=100-199 if-none-match');
    expect(await told(await part('4000-4999'), content.body.subarray(4000, 5000))).toBe(
      'hit 206 bytes 4000-4999/10000',
    );
    const asked = await part('0-0', [['Cache-Control', 'no-cache']]);
    expect(asked.outcome).toBe('revalidated');
  });

  it('stand in for an upstream that fails, where the response allows it', async () => {
    const headers = { 'cache-control': 'max-age=60, stale-if-error=600' };
    const content = rangedContent(LENGTH, { headers });
    const { part, landed, clock, upstream } = await startRanged(content);
    await part('0-4999');
    await landed();
    clock.pass(61_000);
    upstream.answer = (_, response) => response.writeHead(503).end();
    expect((await part('200-299')).outcome).toBe('stale-if-error');
    await landed();
    clock.pass(10_000);
    upstream.answer = (request) => request.socket.destroy();
    const answer = await part('100-199');
    expect(await told(answer, content.body.subarray(100, 200))).toBe(
      'stale-if-error 206 bytes 100-199/10000',
    );
    await expect(part('6000-6001')).rejects.toMatchObject({ code: 'upstream-unreachable' });
  });

  it.each([
    ['url', '/a'],
    ['tag', 'cities'],
    ['key', ''],
  ] as const)('are gone with the response that they are of, named by its %s', async (kind, value) => {
    const headers = { 'cache-control': 'max-age=60', 'surrogate-key': 'cities' };
    const content = rangedContent(LENGTH, { headers });
    const { part, get, landed, invalidate, upstream, service } = await startRanged(content);
    const asked = { method: 'GET', url: `${upstream.url}/a`, headers: [] };
    const { key } = await service.explain(asked, { identity: 'test' });
    await part('0-4999');
    await landed();
    await invalidate(kind, value || key);
    expect((await part('0-9')).outcome).toBe('miss');
    await landed();
    await invalidate(kind, value || key);
    await readBody((await get('/a')).body);
    expect(content.asked).toEqual(['bytes=0-4999', 'bytes=0-9', 'whole']);
  });

  it.each([
    ['url', '/a'],
    ['key', ''],
  ] as const)(
    'do not come back with a part that is fetched after that, named by its %s',
    async (kind, value) => {
      const content = rangedContent(LENGTH);
      const { part, landed, invalidate, upstream, service } = await startRanged(content);
      const asked = { method: 'GET', url: `${upstream.url}/a`, headers: [] };
      const { key } = await service.explain(asked, { identity: 'test' });
      await part('0-4999');
      await landed();
      await invalidate(kind, value || key);
      expect((await part('5000-5999')).outcome).toBe('miss');
      await landed();
      expect((await part('100-199')).outcome).toBe('miss');
      expect(content.asked).toEqual(['bytes=0-4999', 'bytes=5000-5999', 'bytes=100-199']);
    },
  );

  it.each(['5000-', '5000-8999'])(
    'are not revived by an answer to a condition made of them: 0-4999 and %s',
    async (range) => {
      const content = rangedContent(LENGTH);
      const { part, get, landed, invalidate, store, clock } = await startRanged(content);
      const [write, extend] = [store.writeManifest.bind(store), store.extendFrames.bind(store)];
      // Where nothing is missing they would be put together at once.
      store.writeManifest = async (key, written) => key.endsWith('parts') && (await write(key, written));
      for (const one of ['0-4999', range]) {
        await part(one);
        await landed();
      }
      store.writeManifest = write;
      clock.pass(61_000);
      store.extendFrames = async (...frames) => {
        store.extendFrames = extend;
        // They were read, and the upstream is not yet asked about them.
        await invalidate('url', '/a');
        return await extend(...frames);
      };
      await readBody((await get('/a')).body);
      await landed();
      expect((await get('/a')).outcome).toBe('miss');
      expect(content.asked.at(-1)).toBe('whole');
    },
  );

  it('that come at the same time are all stored, also in the place of some that were invalidated', async () => {
    const content = rangedContent(LENGTH);
    const { part, landed, invalidate, store, ask } = await startRanged(content);
    await part('9000-9099');
    await landed();
    await invalidate('url', '/a');
    const write = store.writeManifest.bind(store);
    const waiting: (() => void)[] = [];
    // Each write waits for the other part's: what was looked at before is no more what stands there.
    store.writeManifest = async (...written) => {
      await new Promise<void>((resolve) => {
        waiting.push(resolve);
        if (waiting.length === 2) for (const go of waiting.splice(0)) go();
        setTimeout(resolve, 200);
      });
      return await write(...written);
    };
    await Promise.all([part('0-99'), part('5000-5099')]);
    await landed();
    const headers = [['Cache-Control', 'only-if-cached']] as const;
    for (const range of ['0-99', '5000-5099'])
      expect(await ask('/a', [...headers, ['Range', `bytes=${range}`]])).toMatchObject({
        outcome: 'hit',
        status: 206,
      });
  });

  it('are only asked about where the response was outdated softly', async () => {
    const content = rangedContent(LENGTH);
    const { part, landed, invalidate } = await startRanged(content);
    await part('0-4999');
    await landed();
    await invalidate('url', '/a', 'soft');
    expect((await part('0-9')).outcome).toBe('revalidated');
    expect((await part('0-9')).outcome).toBe('hit');
  });

  it('that were asked for before an invalidation are not stored after it', async () => {
    const content = rangedContent(LENGTH);
    const { part, landed, invalidate, upstream, storedKeys } = await startRanged(content);
    const answer = upstream.answer;
    upstream.answer = (request, response) =>
      void invalidate('url', '/a').then(() => answer(request, response));
    await part('0-99');
    await landed();
    expect(await storedKeys()).toEqual([]);
  });
});

describe('another version', () => {
  it.each(['0-4999', '5000-9999'])('is never mixed with parts of the old one (%s first)', async (first) => {
    const content = rangedContent(LENGTH);
    const { part, get, landed } = await startRanged(content);
    await part(first);
    await landed();
    content.body = bytesOf(LENGTH, 99);
    await part(first === '0-4999' ? '4000-9999' : '0-5500');
    await landed();
    const whole = await get('/a');
    expect(await told(whole, content.body)).toMatch(/ 200 whole$/);
    expect((await readBody((await part('4990-5010')).body)).equals(content.body.subarray(4990, 5011))).toBe(
      true,
    );
  });

  it('replaces the parts when the whole is asked for', async () => {
    const content = rangedContent(LENGTH);
    const { part, get, landed } = await startRanged(content);
    await part('0-4999');
    await landed();
    content.body = bytesOf(LENGTH, 99);
    expect(await told(await get('/a'), content.body)).toBe('miss 200 whole');
    await landed();
    expect(content.asked.at(-1)).toBe('bytes=5000- if-range');
    expect(await told(await part('10-19'), content.body.subarray(10, 20))).toBe('hit 206 bytes 10-19/10000');
  });

  it('is remembered although it may not be stored: the parts of the old one are gone', async () => {
    const content = rangedContent(LENGTH);
    const { part, ask, landed, storedKeys } = await startRanged(content);
    await part('4000-4999');
    await landed();
    content.body = bytesOf(LENGTH, 99);
    content.headers = { 'cache-control': 'no-store' };
    await ask('/a');
    await landed();
    expect(await storedKeys()).toEqual([]);
    expect(content.asked.at(-1)).toBe('whole');
  });

  it('of the upstream that ignores If-Range completes nothing', async () => {
    const content = rangedContent(LENGTH);
    const { part, get, landed, upstream } = await startRanged(content);
    await part('0-4999');
    await landed();
    content.body = bytesOf(LENGTH, 99);
    upstream.answer = (request, response) => {
      delete request.headers['if-range'];
      answering(content)(request, response);
    };
    expect(await told(await get('/a'), content.body)).toBe('miss 200 whole');
    expect(content.asked.slice(-2)).toEqual(['bytes=5000-', 'whole']);
  });
});
