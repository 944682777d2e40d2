/**
 * A flight whose clients have their answer may still stand under its lease: the last of it is told, and the lease is given up, behind them. Who asks
 * meanwhile was not waiting when the response came: https://www.rfc-editor.org/rfc/rfc9111#section-4
 */
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { startTestCluster } from './cluster.fixture.ts';
import type { TestCluster } from './cluster.fixture.ts';
import { readBody, startEntries } from '../get-entry.fixture.ts';
import { until } from './held-answers.fixture.ts';

const NEW = { 'cache-control': 'max-age=60' };

/** Says one thing first, and something else to whoever asks again. */
function changing(status: number, headers: Record<string, string>): RequestListener {
  let count = 0;
  return (_request, response) => {
    count += 1;
    if (count === 1) response.writeHead(status, headers).end('old');
    else response.writeHead(200, NEW).end('new');
  };
}

/** What is stored may be used once its upstream has confirmed it, by a 304 or by the whole. */
const MUST_REVALIDATE = { 'cache-control': 'no-cache', etag: '"1"' };

/** From now on leases do this late: when the returned function is called. */
function stalled(cluster: TestCluster, step: 'append' | 'release'): () => void {
  const gate = Promise.withResolvers<undefined>();
  const { leases } = cluster;
  const append = leases.append.bind(leases);
  const release = leases.release.bind(leases);
  if (step === 'append')
    vi.spyOn(leases, 'append').mockImplementation(
      async (...told) => await gate.promise.then(async () => await append(...told)),
    );
  else
    vi.spyOn(leases, 'release').mockImplementation(
      async (...given) => await gate.promise.then(async () => await release(...given)),
    );
  const go = (): void => gate.resolve(undefined);
  onTestFinished(go);
  return go;
}

async function answerOf(cluster: TestCluster, server: number): Promise<string> {
  const { status, body } = await cluster.get(server, '/a');
  return `${status} ${String(await readBody(body))}`;
}

const UNUSABLE: readonly [string, number, Record<string, string>][] = [
  ['a 400 that names no lifetime', 400, {}],
  ['a 429', 429, { 'cache-control': 'max-age=60' }],
  ['a 503', 503, {}],
  ['a response that is stale at once', 200, { 'cache-control': 'max-age=0' }],
  ['a response that must be confirmed before each use', 200, MUST_REVALIDATE],
];

describe.each([
  ['the same server', 0],
  ['another server', 1],
] as const)('who asks %s behind the answer', (_where, asked) => {
  it.each(UNUSABLE)('does not get %s while its lease is still held', async (_what, status, headers) => {
    const cluster = await startTestCluster({ answer: changing(status, headers), servers: 2 });
    stalled(cluster, 'release');
    expect(await answerOf(cluster, 0)).toBe(`${status} old`);
    // All is told, and nothing given up.
    await until(() => isToldToItsEnd(cluster));
    expect(await answerOf(cluster, asked)).toBe('200 new');
    expect(cluster.asked()).toBe(2);
  });

  it.each(UNUSABLE)('does not get %s that is told late', async (_what, status, headers) => {
    const cluster = await startTestCluster({ answer: changing(status, headers), servers: 2 });
    const go = stalled(cluster, 'append');
    expect(await answerOf(cluster, 0)).toBe(`${status} old`);
    const later = answerOf(cluster, asked);
    await cluster.followed([asked], 1);
    go();
    expect(await later).toBe('200 new');
  });

  it.each(['private', 'no-store'])('does not get a response that is %s', async (directive) => {
    const answer = changing(200, { 'cache-control': `${directive}, max-age=60` });
    const cluster = await startTestCluster({ answer, servers: 2 });
    stalled(cluster, 'release');
    expect(await answerOf(cluster, 0)).toBe('200 old');
    await until(() => isToldToItsEnd(cluster));
    expect(await cluster.ask(asked, '/a')).toMatchObject({ outcome: 'bypass-uncacheable' });
  });

  it('gets a response that is fresh, and asks nobody', async () => {
    const cluster = await startTestCluster({ answer: changing(200, NEW), servers: 2 });
    stalled(cluster, 'release');
    expect(await answerOf(cluster, 0)).toBe('200 old');
    await until(() => isToldToItsEnd(cluster));
    expect(await answerOf(cluster, asked)).toBe('200 old');
    expect(cluster.asked()).toBe(1);
  });

  it.each([
    ['a whole', []],
    ['a part', [['Range', 'bytes=0-1']]],
  ] as const)('does not get the failure of %s', async (_what, headers) => {
    const sent: ServerResponse[] = [];
    const cluster = await startTestCluster({ answer: (_, response) => void sent.push(response), servers: 2 });
    stalled(cluster, 'release');
    const first = cluster.get(0, '/a', { headers });
    await until(() => sent.length === 1);
    cluster.answer((_, response) => response.writeHead(200, NEW).end('new'));
    sent[0]?.destroy();
    await expect(first).rejects.toMatchObject({ code: /^upstream-/ });
    await until(() => isToldToItsEnd(cluster));
    const { body } = await cluster.get(asked, '/a', { headers });
    expect('new').toContain(String(await readBody(body)));
  });

  it('does not get the confirmation that another one waited for', async () => {
    const conditions: IncomingMessage['headers'][] = [];
    const cluster = await startTestCluster({
      answer: (request, response) => {
        conditions.push(request.headers);
        const isKnown = request.headers['if-none-match'] === '"1"' && conditions.length === 2;
        response.writeHead(isKnown ? 304 : 200, MUST_REVALIDATE);
        response.end(isKnown ? undefined : `of request ${conditions.length}`);
      },
      servers: 2,
    });
    expect(await answerOf(cluster, 0)).toBe('200 of request 1');
    await cluster.landed();
    stalled(cluster, 'release');
    expect((await cluster.get(0, '/a')).outcome).toBe('revalidated');
    await until(() => isToldToItsEnd(cluster));
    expect(await answerOf(cluster, asked)).toBe('200 of request 3');
  });
});

/** Whether the flight whose lease is held has told its last word. */
function isToldToItsEnd({ leases }: TestCluster): boolean {
  return vi.mocked(leases.release).mock.calls.length > 0;
}

describe('a body that is still arriving', () => {
  it.each([
    {
      what: 'may not be stored is for those alone who waited when it came',
      first: { status: 400, headers: {} },
      requests: 2,
    },
    {
      what: 'may be stored is for whoever comes in the next moment, too',
      first: { status: 200, headers: MUST_REVALIDATE },
      requests: 1,
    },
  ])('of a response that $what', async ({ first, requests }) => {
    const sent: ServerResponse[] = [];
    const { get, upstream } = await startEntries({
      answer: (_, response) => {
        const { status, headers } = sent.length === 0 ? first : { status: 200, headers: NEW };
        sent.push(response);
        response.writeHead(status, { 'content-length': 100_000, ...headers }).write('a');
      },
    });
    const answers = await Promise.all([get('/a'), get('/a')]);
    expect(answers.map(({ status }) => status)).toEqual([first.status, first.status]);
    await get('/a');
    expect(upstream.requests).toHaveLength(requests);
    for (const response of sent) response.destroy();
  });
});

it('what must be confirmed before each use is not joined at a server that follows, since it may be all there where it came from', async () => {
  const sent: ServerResponse[] = [];
  const cluster = await startTestCluster({ answer: (_, response) => void sent.push(response), servers: 2 });
  const leading = cluster.get(0, '/a');
  await until(() => sent.length === 1);
  const following = cluster.get(1, '/a');
  await cluster.followed([1], 1);
  sent[0]?.writeHead(200, MUST_REVALIDATE).write('ol');
  const [first, second] = await Promise.all([leading, following]);
  expect([first.outcome, second.outcome]).toEqual(['miss', 'collapsed']);
  const go = stalled(cluster, 'append');
  sent[0]?.end('d');
  expect(String(await readBody(first.body))).toBe('old');
  cluster.answer((_, response) => response.writeHead(200, NEW).end('new'));
  const later = await cluster.get(1, '/a');
  expect(later.outcome).not.toBe('collapsed');
  expect(String(await readBody(later.body))).toBe('new');
  go();
  expect(String(await readBody(second.body))).toBe('old');
});
