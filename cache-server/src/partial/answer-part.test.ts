import { describe, expect, it } from 'vitest';
import { header, readBody } from '../get-entry.fixture.ts';
import { bytesOf, LENGTH, rangedContent, startRanged, told } from './partial.fixture.ts';

describe('a part of what is not stored', () => {
  it('is fetched once for all who ask for it at the same time', async () => {
    const content = rangedContent(LENGTH);
    const { part, upstream, landed } = await startRanged(content);
    const answers = await Promise.all(Array.from({ length: 50 }, async () => await part('100-4099')));
    const outcomes = await Promise.all(
      answers.map(async (answer) => await told(answer, content.body.subarray(100, 4100))),
    );
    expect(new Set(outcomes)).toEqual(
      new Set(['miss 206 bytes 100-4099/10000', 'collapsed 206 bytes 100-4099/10000']),
    );
    expect(outcomes.filter((outcome) => outcome.startsWith('miss'))).toHaveLength(1);
    await landed();
    expect(upstream.requests).toHaveLength(1);
  });

  it('can be read on from where its way broke off', async () => {
    const content = rangedContent(LENGTH);
    const { part, landed, service } = await startRanged(content);
    const { key, body } = await part('100-4099');
    await landed();
    const again = await service.openVersion(key?.text ?? '', body.version, new AbortController().signal);
    expect((await readBody(again!, 3000)).equals(content.body.subarray(3100, 4100))).toBe(true);
  });

  it('is another fetch than another part', async () => {
    const content = rangedContent(LENGTH);
    const { part, landed } = await startRanged(content);
    await Promise.all(['0-9', '10-19', '-5'].map(async (range) => await part(range)));
    await landed();
    expect(content.asked.toSorted()).toEqual(['bytes=-5', 'bytes=0-9', 'bytes=10-19']);
  });

  it('says in Cache-Status why it was fetched', async () => {
    const { part, landed } = await startRanged(rangedContent(LENGTH));
    const status = async (range: string): Promise<string | undefined> =>
      header(await part(range), 'cache-status');
    expect(await status('0-9')).toBe('pannier-server; fwd=uri-miss; fwd-status=206; ttl=60; stored');
    await landed();
    expect(await status('5-14')).toBe('pannier-server; fwd=partial; fwd-status=206; ttl=60; stored');
    await landed();
    expect(await status('2-12')).toBe('pannier-server; hit; ttl=60');
  });

  it('that does not exist is a 416 for all who ask, and says nothing of the parts that do', async () => {
    const content = rangedContent(LENGTH);
    const { part, upstream } = await startRanged(content);
    const answers = await Promise.all([part('20000-'), part('20000-')]);
    for (const answer of answers)
      expect([answer.status, header(answer, 'content-range')]).toEqual([416, 'bytes */10000']);
    expect(upstream.requests).toHaveLength(1);
    expect(await told(await part('0-9'), content.body.subarray(0, 10))).toBe('miss 206 bytes 0-9/10000');
  });

  it('is cut out of the whole where the upstream sends that, which is stored', async () => {
    const content = rangedContent(LENGTH, { ranges: false });
    const { part, get, landed, upstream } = await startRanged(content);
    const answers = await Promise.all(Array.from({ length: 20 }, async () => await part('9000-9099')));
    for (const answer of answers)
      expect(await told(answer, content.body.subarray(9000, 9100))).toMatch(/206 bytes 9000-9099\/10000$/);
    await landed();
    expect(await told(await part('-5'), content.body.subarray(-5))).toBe('hit 206 bytes 9995-9999/10000');
    expect(await told(await get('/a'), content.body)).toBe('hit 200 whole');
    expect(upstream.requests).toHaveLength(1);
  });

  it('goes past the cache when it is several parts', async () => {
    const { ask, upstream } = await startRanged(rangedContent(LENGTH));
    expect(await ask('/a', [['Range', 'bytes=0-1,5-6']])).toMatchObject({ outcome: 'bypass-range' });
    expect(upstream.requests).toHaveLength(0);
  });

  it('is not given to those whose If-Range names another version, who get the whole', async () => {
    const content = rangedContent(LENGTH);
    const { part, landed } = await startRanged(content);
    const etag = header(await part('0-9'), 'etag') ?? '';
    await landed();
    const same = await part('20-29', [['If-Range', etag]]);
    expect(await told(same, content.body.subarray(20, 30))).toBe('miss 206 bytes 20-29/10000');
    const other = await part('40-49', [['If-Range', '"other"']]);
    expect(await told(other, content.body)).toBe('miss 200 whole');
    expect(content.asked).not.toContain('bytes=40-49 if-range');
  });
});

describe('the whole of a small response', () => {
  it('is fetched behind a part of it, so that the next parts are hits', async () => {
    const content = rangedContent(LENGTH);
    const { part, get, landed } = await startRanged(content, LENGTH);
    await part('5000-5999');
    await landed();
    expect(content.asked).toEqual(['bytes=5000-5999', 'whole']);
    expect(await told(await part('0-9'), content.body.subarray(0, 10))).toBe('hit 206 bytes 0-9/10000');
    expect(await told(await get('/a'), content.body)).toBe('hit 200 whole');
    expect(content.asked).toHaveLength(2);
  });

  it('is completed rather than fetched anew', async () => {
    const content = rangedContent(LENGTH);
    const { part, landed } = await startRanged(content, LENGTH);
    await part('0-4999');
    await landed();
    expect(content.asked).toEqual(['bytes=0-4999', 'bytes=5000- if-range']);
    expect(await told(await part('0-'), content.body)).toBe('hit 206 bytes 0-9999/10000');
  });

  it('is not fetched when it is longer than rangeFillBytesMax, or may not be stored', async () => {
    const content = rangedContent(LENGTH);
    const { part, landed } = await startRanged(content, LENGTH - 1);
    await part('0-9');
    await landed();
    content.headers = { 'cache-control': 'no-store' };
    content.body = bytesOf(100);
    await part('50-59');
    await landed();
    expect(content.asked).toEqual(['bytes=0-9', 'bytes=50-59']);
  });

  it('is stored at once where a part is all of it', async () => {
    const content = rangedContent(LENGTH);
    const { part, get, landed, storedKeys } = await startRanged(content);
    await part('0-');
    await landed();
    expect(await told(await get('/a'), content.body)).toBe('hit 200 whole');
    expect(await storedKeys()).toHaveLength(1);
    expect(content.asked).toEqual(['bytes=0-']);
  });
});

describe('a part that is not stored', () => {
  it.each([
    ['has a weak tag', { etag: 'W/"a"' }],
    ['has no validator', { etag: 'none' }],
    ['may not be stored', { 'cache-control': 'no-store' }],
    ['is private', { 'cache-control': 'private, max-age=60' }],
    ['sets a cookie', { 'set-cookie': 'a=b' }],
  ])('because it %s', async (_, headers) => {
    const content = rangedContent(LENGTH, { headers: { 'cache-control': 'max-age=60', ...headers } });
    const { part, landed, storedKeys } = await startRanged(content);
    expect(await told(await part('0-99'), content.body.subarray(0, 100))).toBe('miss 206 bytes 0-99/10000');
    await landed();
    expect(await storedKeys()).toEqual([]);
  });

  it('because it broke off', async () => {
    const content = rangedContent(LENGTH);
    const { part, landed, storedKeys, upstream } = await startRanged(content);
    const described = { etag: '"a"', 'content-range': 'bytes 0-4999/10000', 'content-length': 5000 };
    upstream.answer = (_, response) => {
      response.writeHead(206, { 'cache-control': 'max-age=60', ...described });
      response.write(bytesOf(3000), () => response.destroy());
    };
    const broken = part('0-4999').then(async ({ body }) => await readBody(body));
    await expect(broken).rejects.toMatchObject({ code: 'upstream-truncated' });
    await landed();
    expect(await storedKeys()).toEqual([]);
  });

  it.each(['bytes 0-98/10000', 'bytes 0-100/10000', 'bytes 0-99/*', 'bytes 0-99/99', 'lines 0-99/10000'])(
    'because its Content-Range is %s for 100 bytes; it is passed on as it is',
    async (range) => {
      const { part, landed, storedKeys, upstream } = await startRanged(rangedContent(LENGTH));
      upstream.answer = (_, response) =>
        response
          .writeHead(206, { etag: '"a"', 'cache-control': 'max-age=60', 'content-range': range })
          .end(bytesOf(100));
      expect(await told(await part('0-99'), bytesOf(100))).toContain(`miss 206 ${range}`);
      await landed();
      expect(await storedKeys()).toEqual([]);
    },
  );
});
