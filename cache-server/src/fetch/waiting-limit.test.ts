import { setImmediate as turn } from 'node:timers/promises';
import type { ServerResponse } from 'node:http';
import { describe, expect, it } from 'vitest';
import { readBody, startEntries } from '../get-entry.fixture.ts';
import type { TestEntries, TestEntriesOptions } from '../get-entry.fixture.ts';
import { startTestCluster } from './cluster.fixture.ts';

const CACHEABLE = { 'cache-control': 'max-age=60' };
const REFUSED = { code: 'wait-limited', httpStatus: 503, retryAfterMs: 1000 };

/** Entries over an upstream that holds back its answers, and the most that were ever under way at once. */
async function startHeld(
  given: Omit<TestEntriesOptions, 'answer'>,
): Promise<TestEntries & { held: ServerResponse[]; underWayMax: () => number }> {
  const held: ServerResponse[] = [];
  let underWay = 0;
  let underWayMax = 0;
  const entries = await startEntries({
    ...given,
    answer: (_, response) => {
      underWay += 1;
      underWayMax = Math.max(underWayMax, underWay);
      response.once('close', () => (underWay -= 1));
      held.push(response);
    },
  });
  return { ...entries, held, underWayMax: () => underWayMax };
}

function fresh(response: ServerResponse | undefined): void {
  response?.writeHead(200, CACHEABLE).end('here');
}

function freshPart(response: ServerResponse | undefined): void {
  const part = { etag: '"one"', 'content-range': 'bytes 0-1/4', 'content-length': 2 };
  response?.writeHead(206, { ...CACHEABLE, ...part }).end('he');
}

describe('past the cap of waiters', () => {
  it('a request has the server fetch for it alone, never more at once than the upstream takes', async () => {
    const limits = { waitersPerFlightMax: 2 };
    const entries = await startHeld({ limits, upstream: { concurrencyMax: 1 } });
    const { get, held, upstream } = entries;
    const asking = Array.from({ length: 6 }, async () => await get('/a'));
    for (let count = 1; count <= 5; count += 1) {
      await upstream.arrived(count);
      // Stored, and good for nobody who comes later.
      held[count - 1]?.writeHead(200, { 'cache-control': 'max-age=0', etag: '"one"' }).end('here');
    }
    const answers = await Promise.all(asking);
    for (const { status, body } of answers) {
      expect(status).toBe(200);
      expect((await readBody(body)).toString()).toBe('here');
    }
    const outcomes = answers.map(({ outcome }) => outcome).toSorted();
    expect(outcomes).toEqual(['alone', 'alone', 'alone', 'alone', 'collapsed', 'miss']);
    const alone = answers.find(({ outcome }) => outcome === 'alone');
    expect(alone?.headers).toContainEqual([
      'cache-status',
      'pannier-server; fwd=uri-miss; fwd-status=200; ttl=0; stored=?0; detail=wait-limited',
    ]);
    expect(entries.underWayMax()).toBe(1);
    expect(upstream.requests).toHaveLength(5);
  });

  it.each([
    ['the whole', fresh, []],
    ['a part', freshPart, [['range', 'bytes=0-1']]],
  ] as const)(
    'a request whose turn comes when %s is stored by then has no fetch of its own',
    async (_what, answer, headers) => {
      const { get, held, upstream, service, storedKeys } = await startHeld({
        limits: { waitersPerFlightMax: 1 },
        upstream: { concurrencyMax: 1 },
      });
      const asking = [get('/a', headers)];
      await upstream.arrived(1);
      for (let count = 1; count < 12; count += 1) asking.push(get('/a', headers));
      while (service.upstreamLoads()['api']?.queued !== 11) await turn();
      answer(held[0]);
      // The first in the queue may have its turn before that is stored.
      while ((await storedKeys()).length === 0) await turn();
      upstream.answer = (_, response) => answer(response);
      answer(held[1]);
      const outcomes = (await Promise.all(asking)).map(({ outcome }) => outcome);
      expect(outcomes.filter((outcome) => outcome === 'hit').length).toBeGreaterThanOrEqual(10);
      expect(upstream.requests.length).toBeLessThanOrEqual(2);
    },
  );

  it('what one fetched alone is not stored, and others may share it where it was asked for', async () => {
    const { get, held, upstream, storedKeys, landed } = await startHeld({
      limits: { waitersPerFlightMax: 1 },
    });
    const leaving = new AbortController();
    const first = get('/a', [], leaving.signal);
    await upstream.arrived(1);
    const second = get('/a');
    await upstream.arrived(2);
    fresh(held[1]);
    const alone = await second;
    expect(alone).toMatchObject({ outcome: 'alone', freshForMs: 60_000, body: { stored: false } });
    expect(alone.generation).toBeDefined();
    leaving.abort(new Error('gone'));
    await expect(first).rejects.toThrow('gone');
    await landed();
    expect(await storedKeys()).toEqual([]);
  });

  it('a request for a part fetches just that part', async () => {
    const { get, held, upstream } = await startHeld({ limits: { waitersPerFlightMax: 1 } });
    const range = [['range', 'bytes=0-1']] as const;
    const first = get('/a', range);
    await upstream.arrived(1);
    const second = get('/a', range);
    await upstream.arrived(2);
    for (const response of held) freshPart(response);
    expect((await first).outcome).toBe('miss');
    const alone = await second;
    expect([alone.status, alone.outcome]).toEqual([206, 'alone']);
    expect((await readBody(alone.body)).toString()).toBe('he');
  });

  it('a request is refused where that is configured, and told when to come back', async () => {
    const limits = { waitersPerFlightMax: 2, waitersBeyond: 'refuse' } as const;
    const { get, held, upstream, service } = await startHeld({ limits });
    const waiting = [get('/a'), get('/a')];
    await upstream.arrived(1);
    await expect(get('/a')).rejects.toMatchObject(REFUSED);
    fresh(held[0]);
    for (const { status } of await Promise.all(waiting)) expect(status).toBe(200);
    expect(upstream.requests).toHaveLength(1);
    expect(service.counts().lookups).toMatchObject({ 'wait-limited': 1 });
  });

  it('what is stale answers instead of a refusal, where it may stand in for an error', async () => {
    const limits = { waitersPerFlightMax: 1, waitersBeyond: 'refuse' } as const;
    const { get, held, upstream, clock, landed } = await startHeld({
      limits,
      upstream: { staleIfErrorMs: '1h' },
    });
    const before = get('/a');
    await upstream.arrived(1);
    fresh(held[0]);
    await before;
    await landed();
    clock.pass(61_000);
    const asking = get('/a');
    await upstream.arrived(2);
    expect(await get('/a')).toMatchObject({ status: 200, outcome: 'stale-if-error' });
    fresh(held[1]);
    expect(await asking).toMatchObject({ outcome: 'refreshed' });
  });

  it('a job waits with the others: what it fetches is to be stored', async () => {
    const limits = { waitersPerFlightMax: 1, waitDeadlineMs: 1000, waitersBeyond: 'refuse' } as const;
    const { get, held, upstream, service, clock } = await startHeld({ limits });
    const first = get('/a');
    await upstream.arrived(1);
    const { signal } = new AbortController();
    const request = { method: 'GET', url: `${upstream.url}/a`, headers: [] };
    const warmed = service.warm(request, { signal, onBytes: () => undefined });
    while (service.activity().waiters < 2) await turn();
    clock.pass(2000);
    fresh(held[0]);
    await Promise.all([first, warmed]);
    expect(upstream.requests).toHaveLength(1);
  });
});

describe('past the deadline of waiters', () => {
  it('a request is refused that waits for another one, which goes on', async () => {
    const limits = { waitDeadlineMs: 5000, waitersBeyond: 'refuse' } as const;
    const { get, held, upstream, service, clock } = await startHeld({ limits });
    const first = get('/a');
    await upstream.arrived(1);
    clock.pass(4000);
    const second = get('/a').catch((error: unknown) => error);
    while (service.activity().waiters < 2) await turn();
    clock.pass(4999);
    await turn();
    expect(service.activity().waiters).toBe(2);
    clock.pass(1);
    expect(await second).toMatchObject(REFUSED);
    fresh(held[0]);
    expect(await first).toMatchObject({ outcome: 'miss' });
  });

  it('a request goes alone that waits for another one', async () => {
    const { get, held, upstream, service, clock } = await startHeld({ limits: { waitDeadlineMs: 5000 } });
    const first = get('/a');
    await upstream.arrived(1);
    const second = get('/a');
    while (service.activity().waiters < 2) await turn();
    clock.pass(5000);
    await upstream.arrived(2);
    fresh(held[1]);
    expect(await second).toMatchObject({ outcome: 'alone' });
    fresh(held[0]);
    expect(await first).toMatchObject({ outcome: 'miss' });
  });

  it.each([
    ['refuse', 1],
    ['alone', 2],
  ] as const)('holds for who waits for another server: %s', async (waitersBeyond, requests) => {
    const held: ServerResponse[] = [];
    const cluster = await startTestCluster({
      servers: 2,
      limits: { waitDeadlineMs: 100, waitersBeyond },
      answer: (_, response) => void held.push(response),
    });
    const first = cluster.get(0, '/a');
    while (held.length < 1) await turn();
    const second = cluster.get(1, '/a').catch((error: unknown) => error);
    if (waitersBeyond === 'alone') {
      while (held.length < 2) await turn();
      fresh(held[1]);
      expect(await second).toMatchObject({ outcome: 'alone' });
    } else expect(await second).toMatchObject(REFUSED);
    expect(await cluster.role(1, 'follower')).toBe(1);
    expect(cluster.asked()).toBe(requests);
    fresh(held[0]);
    expect(await first).toMatchObject({ outcome: 'miss' });
    await cluster.landed();
  });
});
