import { randomBytes } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { describe, expect, it } from 'vitest';
import { readBody, startEntries } from '../get-entry.fixture.ts';
import type { TestEntries } from '../get-entry.fixture.ts';

const READERS = 8;
const FRESH = { 'cache-control': 'max-age=3600' };

type Answer = (request: IncomingMessage, response: ServerResponse) => void;

interface Damaged extends TestEntries {
  /** How often the partition will not be found. */
  readonly losses: { left: number };
  /** Requests since it was stored. */
  asked(): number;
}

/** An entry of six partitions, of which one is lost for all who read it from now on. */
async function damaged(answer: Answer): Promise<Damaged> {
  const entries = await startEntries({ answer });
  const { store, get, landed, upstream } = entries;
  await readBody((await get('/a')).body);
  await landed();
  const readFrames = store.readFrames.bind(store);
  const losses = { left: Infinity };
  let [calls, lost] = [0, ''];
  store.readFrames = async (scope, digests) => {
    calls += 1;
    // The first look is for the first partition alone; what is lost comes some way behind it.
    if (calls === 3) lost = hex(digests[1] ?? []);
    const frames = await readFrames(scope, digests);
    return frames.map((frame, i) => {
      const isLost = hex(digests[i] ?? []) === lost && losses.left > 0;
      if (isLost) losses.left -= 1;
      return isLost ? undefined : frame;
    });
  };
  const before = upstream.requests.length;
  return { ...entries, losses, asked: () => upstream.requests.length - before };
}

function hex(digest: Iterable<number>): string {
  return Buffer.from([...digest]).toString('hex');
}

/** Bodies of readers who all read what is stored, and then all at once find that it is lost. */
async function bodies({ get }: TestEntries): Promise<PromiseSettledResult<Buffer>[]> {
  const answers = await Promise.all(Array.from({ length: READERS }, async () => await get('/a')));
  expect(answers.map(({ outcome }) => outcome)).toEqual(answers.map(() => 'hit'));
  return await Promise.allSettled(answers.map(async ({ body }) => await readBody(body)));
}

describe('a stored body of which a partition is lost', () => {
  it('is fetched once for all who read it, and each of them goes on with that', async () => {
    const content = randomBytes(3_000_000);
    const entries = await damaged((_, response) =>
      response.writeHead(200, { ...FRESH, etag: '"1"' }).end(content),
    );
    for (const body of await bodies(entries))
      expect(body.status === 'fulfilled' && body.value.equals(content)).toBe(true);
    await entries.landed();
    expect(entries.asked()).toBe(1);
  });

  it('goes on from what was fetched for others, who found out before', async () => {
    const content = randomBytes(3_000_000);
    const entries = await damaged((_, response) =>
      response.writeHead(200, { ...FRESH, etag: '"1"' }).end(content),
    );
    const answers = [await entries.get('/a'), await entries.get('/a')];
    for (const { body } of answers) {
      // The other one had read before it was there again.
      entries.losses.left = 1;
      expect((await readBody(body)).equals(content)).toBe(true);
      await entries.landed();
    }
    expect(entries.asked()).toBe(1);
  });

  it('can still be opened by its version, by who fell behind those who shared its answer', async () => {
    const content = randomBytes(3_000_000);
    const entries = await damaged((_, response) =>
      response.writeHead(200, { ...FRESH, etag: '"1"' }).end(content),
    );
    const { key, body } = await entries.get('/a');
    await readBody(body);
    await entries.landed();
    entries.losses.left = 1;
    const signal = new AbortController().signal;
    const later = await entries.service.openVersion(key?.text ?? '', body.version, signal);
    if (later === undefined) throw new Error('not found');
    expect((await readBody(later)).equals(content)).toBe(true);
    expect(entries.asked()).toBe(1);
  });

  it.each([
    ['has another strong ETag', '"2"'],
    ['has a weak one', 'W/"1"'],
    ['has none', undefined],
  ])('breaks off, and mixes nothing, where what comes anew %s', async (_, etag) => {
    const contents = [randomBytes(3_000_000), randomBytes(3_000_000)];
    let asked = 0;
    const entries = await damaged((_request, response) => {
      const tag = asked === 0 ? '"1"' : etag;
      const headers = tag === undefined ? FRESH : { ...FRESH, etag: tag };
      response.writeHead(200, headers).end(contents[asked]);
      asked += 1;
    });
    for (const body of await bodies(entries))
      expect(body).toMatchObject({ status: 'rejected', reason: { code: 'store' } });
    await entries.landed();
    expect(entries.asked()).toBe(1);
  });

  it('breaks off where the upstream is down, or sends fewer bytes under the same ETag', async () => {
    const content = randomBytes(3_000_000);
    const answers: Answer[] = [
      (_, response) => response.writeHead(200, { ...FRESH, etag: '"1"' }).end(content),
      (_, response) => {
        response.writeHead(200, { ...FRESH, etag: '"1"' }).write(content.subarray(0, 2_500_000));
        response.end();
      },
      (_, response) => response.writeHead(503).end('down'),
    ];
    let asked = 0;
    const entries = await damaged((request, response) => answers[Math.min(asked++, 2)]?.(request, response));
    const first = await entries.get('/a');
    await expect(readBody(first.body)).rejects.toMatchObject({ code: 'store' });
    expect(entries.asked()).toBe(1);
  });
});
