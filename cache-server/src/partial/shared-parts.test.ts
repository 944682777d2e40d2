/** One part of a response, asked for at several servers. */
import type { RequestListener, ServerResponse } from 'node:http';
import { describe, expect, it } from 'vitest';
import { CacheServerError } from '../errors.ts';
import { startTestCluster } from '../fetch/cluster.fixture.ts';
import type { TestCluster } from '../fetch/cluster.fixture.ts';
import { header, SteppingReader } from '../get-entry.fixture.ts';
import { AWAITED_BYTES_MAX } from './lead-part.ts';
import { answering, bytesOf, LENGTH, rangedContent, told } from './partial.fixture.ts';
import type { RangedContent } from './partial.fixture.ts';
import { until } from '../fetch/held-answers.fixture.ts';

/** Small, so that a part takes several partitions. */
const limits = { partitionBytes: 1024, inlineBytesMax: 1500 };
const RANGE = 'bytes=100-4099';
const PART = bytesOf(LENGTH).subarray(100, 4100);
const ASKING = { headers: [['Range', RANGE] as const] };
/** Of something so long that it is not fetched whole behind a part. */
const FRESH = {
  'cache-control': 'max-age=60',
  etag: '"a"',
  'content-range': 'bytes 100-4099/9000000',
  'content-length': PART.length,
};

/** A cluster before an upstream that answers nothing before the test says so. */
async function startHeld(content: RangedContent): Promise<{ cluster: TestCluster; release: () => void }> {
  const gate = Promise.withResolvers<void>();
  const answer: RequestListener = (...exchange) =>
    void gate.promise.then(() => answering(content)(...exchange));
  return { cluster: await startTestCluster({ limits, answer }), release: gate.resolve };
}

/** A cluster before an upstream whose responses a test sends piece by piece. */
async function startSent(): Promise<{ cluster: TestCluster; sent: ServerResponse[] }> {
  const sent: ServerResponse[] = [];
  const cluster = await startTestCluster({ limits, answer: (_, response) => void sent.push(response) });
  return { cluster, sent };
}

/** One client at server 0, whose flight asks the upstream, and one at each of the others, whose flights wait for it. */
async function asked(cluster: TestCluster): Promise<Promise<string>[]> {
  const ask = async (server: number): Promise<string> =>
    await told(await cluster.get(server, '/a', ASKING), PART);
  const leading = ask(0);
  await until(() => cluster.asked() === 1);
  const others = [1, 2].map(ask);
  await cluster.followed([1, 2], 2);
  return [leading, ...others];
}

const MISS = 'miss 206 bytes 100-4099/9000000';
const HIT = 'hit 206 bytes 100-4099/9000000';

describe('servers that want the same part', () => {
  it('ask the upstream once, and once for the whole behind it', async () => {
    const content = rangedContent(LENGTH);
    const { cluster, release } = await startHeld(content);
    const clients = Array.from({ length: 60 }, async (_, one) => await cluster.get(one % 3, '/a', ASKING));
    await cluster.followed([0, 1, 2], 2);
    release();
    const answers = await Promise.all(clients);
    for (const answer of answers) expect(await told(answer, PART)).toMatch(/ 206 bytes 100-4099\/10000$/);
    expect(answers.filter(({ outcome }) => outcome === 'miss')).toHaveLength(1);
    const statuses = answers.map((answer) => header(answer, 'cache-status') ?? '');
    expect(statuses.filter((status) => status.includes('collapsed'))).toHaveLength(59);
    await cluster.landed();
    expect(content.asked).toEqual([RANGE, 'whole']);
    expect(cluster.leases.held()).toEqual([]);
  });

  it('share one confirmation of a part that they have', async () => {
    const content = rangedContent(0, {
      body: Buffer.alloc(9_000_000),
      headers: { 'cache-control': 'max-age=1' },
    });
    const { cluster, release } = await startHeld(content);
    release();
    await cluster.get(0, '/a', ASKING);
    await cluster.landed();
    content.headers = { 'cache-control': 'max-age=60' };
    await until(async () => (await cluster.ask(1, '/a', onlyIfCached)).outcome !== 'hit');
    const answers = [0, 1, 2].map(async (server) => await cluster.get(server, '/a', ASKING));
    for (const { status } of await Promise.all(answers)) expect(status).toBe(206);
    expect(content.asked).toEqual([RANGE, `${RANGE} if-none-match`]);
  });

  it('see the same failure', async () => {
    const { cluster, sent } = await startSent();
    const answers = await asked(cluster);
    sent[0]?.destroy();
    for (const answer of answers) await expect(answer).rejects.toMatchObject({ code: /^upstream-/ });
    expect(sent).toHaveLength(1);
  });

  it('ask for themselves what was invalidated while they waited', async () => {
    const { cluster, sent } = await startSent();
    const answers = await asked(cluster);
    await cluster.invalidate([{ kind: 'scope', value: 'api' }], 'hard');
    sent[0]?.writeHead(206, FRESH).end(PART);
    await until(() => sent.length === 3);
    for (const own of sent.slice(1)) own.writeHead(206, FRESH).end(PART);
    expect(await Promise.all(answers)).toEqual([MISS, MISS, MISS]);
  });

  it('do not wait when they want the word of the upstream', async () => {
    const { cluster, sent } = await startSent();
    const leading = cluster.get(0, '/a', ASKING);
    await until(() => sent.length === 1);
    const headers = [...ASKING.headers, ['cache-control', 'no-cache'] as const];
    const confirmed = cluster.get(1, '/a', { headers });
    await until(() => sent.length === 2);
    for (const one of sent) one.writeHead(206, FRESH).end(PART);
    for (const answer of [leading, confirmed]) expect(await told(await answer, PART)).toBe(MISS);
  });

  it('ask each for itself while control is away', async () => {
    const content = rangedContent(LENGTH);
    const { cluster, release } = await startHeld(content);
    cluster.leases.failure = new CacheServerError('store', 'away');
    const answers = [0, 1, 2].map(async (server) => await cluster.get(server, '/a', ASKING));
    await until(() => cluster.asked() === 3);
    release();
    for (const answer of await Promise.all(answers)) expect(await told(answer, PART)).toMatch(/^miss 206/);
  });
});

const onlyIfCached = { headers: [...ASKING.headers, ['cache-control', 'only-if-cached'] as const] };

describe('a part is not waited for', () => {
  it.each([
    ['may not be stored', { 'cache-control': 'no-store' }],
    ['is private', { 'cache-control': 'private, max-age=60' }],
    ['has no strong validator', { etag: 'W/"a"' }],
    ['is stale at once', { 'cache-control': 'max-age=0' }],
    ['varies by more', { vary: 'x-kind' }],
    [
      'is too large',
      {
        'content-range': `bytes 100-${AWAITED_BYTES_MAX + 100}/9000000`,
        'content-length': AWAITED_BYTES_MAX + 1,
      },
    ],
  ])('by other servers when it %s', async (_, headers) => {
    const { cluster, sent } = await startSent();
    const answers = await asked(cluster);
    const head = { ...FRESH, ...headers };
    sent[0]?.writeHead(206, head).write(PART.subarray(0, 1000));
    await until(() => sent.length === 3);
    for (const response of sent) response.destroy();
    await Promise.allSettled(answers);
  });

  it('for longer than a moment behind its head', async () => {
    const { cluster, sent } = await startSent();
    const answers = await asked(cluster);
    sent[0]?.writeHead(206, FRESH).write(PART.subarray(0, 1000));
    await until(() => sent.length === 3);
    for (const own of sent.slice(1)) own.writeHead(206, FRESH).end(PART);
    expect(await Promise.all(answers.slice(1))).toEqual([MISS, MISS]);
    sent[0]?.end(PART.subarray(1000));
    expect(await answers[0]).toBe(MISS);
  });

  it('when nobody waits for it here', async () => {
    const { cluster, sent } = await startSent();
    const leading = cluster.get(0, '/a', ASKING);
    await until(() => sent.length === 1);
    const leaver = new AbortController();
    const leaving = cluster.get(1, '/a', { ...ASKING, signal: leaver.signal });
    await cluster.followed([1], 1);
    leaver.abort(new CacheServerError('cancelled', 'gone'));
    await expect(leaving).rejects.toMatchObject({ code: 'cancelled' });
    await until(() => cluster.services[1]?.activity().flights === 0);
    sent[0]?.writeHead(206, FRESH).end(PART);
    expect(await told(await leading, PART)).toBe(MISS);
  });
});

describe('when the server that asks for a part', () => {
  it('has gone, one of the others asks', async () => {
    const { cluster, sent } = await startSent();
    const answers = await asked(cluster);
    for (const name of cluster.leases.held()) cluster.leases.expire(name);
    await until(() => sent.length === 2);
    sent[1]?.writeHead(206, FRESH).end(PART);
    expect((await Promise.all(answers.slice(1))).toSorted()).toEqual([HIT, MISS]);
    // It was only thought to be gone.
    sent[0]?.writeHead(206, FRESH).end(PART);
    expect(await answers[0]).toBe(MISS);
    expect(cluster.asked()).toBeLessThanOrEqual(3);
  });

  it.each([0, 1000])('can tell nothing of more than %i bytes, nobody waits for its word', async (most) => {
    const { cluster, sent } = await startSent();
    const answers = await asked(cluster);
    cluster.leases.recordBytesMax = most;
    cluster.answer((_, response) => response.writeHead(206, FRESH).end(PART));
    sent[0]?.writeHead(206, FRESH).end(PART);
    for (const answer of answers) expect(await answer).toMatch(/^(miss|hit) 206 bytes 100-4099\/9000000$/);
    await cluster.landed();
    expect(cluster.leases.held()).toEqual([]);
  });

  it('has nobody left who waits, one of the others asks at once', async () => {
    const { cluster, sent } = await startSent();
    const leaver = new AbortController();
    const leaving = cluster.get(0, '/a', { ...ASKING, signal: leaver.signal }).catch(() => undefined);
    await until(() => sent.length === 1);
    const staying = cluster.get(1, '/a', ASKING);
    await cluster.followed([1], 1);
    leaver.abort(new CacheServerError('cancelled', 'gone'));
    await leaving;
    await until(() => sent.length === 2);
    sent[1]?.writeHead(206, FRESH).end(PART);
    expect(await told(await staying, PART)).toBe(MISS);
  });

  it('streams it, its own clients do not wait for its end', async () => {
    const { cluster, sent } = await startSent();
    const leading = cluster.get(0, '/a', ASKING);
    await until(() => sent.length === 1);
    sent[0]?.writeHead(206, FRESH).write(PART.subarray(0, 2000));
    const reader = new SteppingReader((await leading).body);
    while (reader.bytes < 2000) await reader.step();
    sent[0]?.end(PART.subarray(2000));
    expect(await reader.toEnd()).toBe(PART.length);
  });
});
