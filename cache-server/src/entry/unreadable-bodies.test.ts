import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { CacheServerError } from '../errors.ts';
import { readBody, startEntries } from '../get-entry.fixture.ts';
import type { TestEntries } from '../get-entry.fixture.ts';
import type { EntryStore } from '../store/entry-store.ts';

type Frames = (Buffer | undefined)[];

/** An entry of six partitions that is fresh, an upstream that is down since, and a store whose frames are read as a test decides. */
async function storedWhileDown(): Promise<
  TestEntries & { content: Buffer; readFrames: (read: (frames: Frames) => Frames) => void }
> {
  const content = randomBytes(3_000_000);
  let isDown = false;
  const entries = await startEntries({
    answer: (_, response) => {
      if (isDown) response.writeHead(503).end('down');
      else response.writeHead(200, { 'cache-control': 'max-age=3600' }).end(content);
    },
  });
  const { store, get, landed } = entries;
  await readBody((await get('/a')).body);
  await landed();
  isDown = true;
  const original: EntryStore['readFrames'] = store.readFrames.bind(store);
  return {
    ...entries,
    content,
    readFrames: (read) => {
      store.readFrames = async (scope, digests) => read(await original(scope, digests));
    },
  };
}

function fail(): never {
  throw new CacheServerError('store', 'the connection is gone');
}

describe('a stored body that cannot be read', () => {
  it('since the store fails when its first partition is looked for: the entry stays, and is read when the store is back', async () => {
    const { get, readFrames, storedKeys, content } = await storedWhileDown();
    readFrames(fail);
    expect((await get('/a')).status).toBe(503);
    expect(await storedKeys()).toHaveLength(1);
    readFrames((frames) => frames);
    const { outcome, body } = await get('/a');
    expect([outcome, (await readBody(body)).equals(content)]).toEqual(['hit', true]);
  });

  it('since the store fails in the middle: its reader is told, and the entry stays', async () => {
    const { get, readFrames, storedKeys, content } = await storedWhileDown();
    let calls = 0;
    readFrames((frames) => ((calls += 1) > 2 ? fail() : frames));
    await expect(readBody((await get('/a')).body)).rejects.toMatchObject({ code: 'store' });
    expect(await storedKeys()).toHaveLength(1);
    readFrames((frames) => frames);
    expect((await readBody((await get('/a')).body)).equals(content)).toBe(true);
  });

  it.each([
    ['missing', (): undefined => undefined],
    ['damaged', (frame: Buffer | undefined) => frame && Buffer.from(frame).fill(7, 40, 60)],
  ])('since a partition is %s: the entry is removed', async (_, change) => {
    const { get, readFrames, storedKeys } = await storedWhileDown();
    readFrames((frames) => frames.map(change));
    expect((await get('/a')).status).toBe(503);
    expect(await storedKeys()).toEqual([]);
  });
});
