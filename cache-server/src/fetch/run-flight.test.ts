import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { startTestCluster } from './cluster.fixture.ts';
import { CacheServerError } from '../errors.ts';
import { header, readBody, SteppingReader } from '../get-entry.fixture.ts';
import { heldAnswers, until } from './held-answers.fixture.ts';

const FRESH = { 'cache-control': 'max-age=60' };
const BODY = randomBytes(600_000);
/** Small, so that a body has many partitions. */
const limits = { partitionBytes: 64 * 1024, inlineBytesMax: 8 * 1024 };
const pause = async (ms: number): Promise<void> => await new Promise((resolve) => setTimeout(resolve, ms));

describe('servers that want the same', () => {
  it('ask the upstream once, and all of their clients get all of it', async () => {
    const cluster = await startTestCluster({
      limits,
      answer: (_request, response) =>
        void setTimeout(() => response.writeHead(200, { ...FRESH, etag: '"1"' }).end(BODY), 100),
    });
    const answers = await Promise.all(
      Array.from({ length: 60 }, async (_none, client) => await cluster.get(client % 3, '/a')),
    );
    const bodies = await Promise.all(answers.map(async ({ body }) => await readBody(body)));
    expect(bodies.every((body) => body.equals(BODY))).toBe(true);
    expect(cluster.asked()).toBe(1);
    expect(answers.filter(({ outcome }) => outcome === 'miss')).toHaveLength(1);
    expect(answers.filter(({ outcome }) => outcome === 'collapsed')).toHaveLength(59);
    await cluster.landed();
    expect(cluster.leases.held()).toEqual([]);
    for (const server of [0, 1, 2]) expect((await cluster.get(server, '/a')).outcome).toBe('hit');
    const roles = await Promise.all([0, 1, 2].map(async (server) => await cluster.role(server, 'leader')));
    expect(roles.filter((times) => times === 1)).toHaveLength(1);
  });

  it('stream what comes slowly at once, also to a client who comes late', async () => {
    const { answer, sent } = heldAnswers();
    const cluster = await startTestCluster({ limits, answer });
    const leading = cluster.get(0, '/slow');
    await until(() => sent.length === 1);
    sent[0]!.writeHead(200, FRESH).write(BODY.subarray(0, 1000));
    const [, follower] = await Promise.all([leading, cluster.get(1, '/slow')]);
    const reader = new SteppingReader(follower.body);
    await reader.step();
    expect(reader.bytes).toBe(1000);
    sent[0]!.write(BODY.subarray(1000, 300_000));
    while (reader.bytes < 300_000) await reader.step();
    const late = new SteppingReader((await cluster.get(2, '/slow')).body);
    while (late.bytes < 300_000) await late.step();
    sent[0]!.end(BODY.subarray(300_000));
    expect(await Promise.all([reader.toEnd(), late.toEnd()])).toEqual([BODY.length, BODY.length]);
    expect(cluster.asked()).toBe(1);
  });

  it('share one conditional request', async () => {
    const cluster = await startTestCluster({
      answer: (request, response) =>
        void setTimeout(() => {
          const isKnown = request.headers['if-none-match'] === '"1"';
          response.writeHead(isKnown ? 304 : 200, { etag: '"1"', 'cache-control': 'max-age=60' });
          response.end(isKnown ? undefined : 'content');
        }, 100),
    });
    await cluster.get(0, '/a');
    await cluster.landed();
    const confirming = [['cache-control', 'no-cache'] as const];
    const answers = await Promise.all(
      Array.from(
        { length: 9 },
        async (_none, client) => await cluster.get(client % 3, '/a', { headers: confirming }),
      ),
    );
    expect(cluster.asked()).toBe(2);
    expect(new Set(answers.map(({ outcome }) => outcome))).toEqual(new Set(['revalidated']));
  });

  it('who must hear from the upstream do not follow one that has answered, and share the next', async () => {
    const { answer, sent } = heldAnswers();
    const cluster = await startTestCluster({ limits, answer });
    const first = cluster.get(0, '/a');
    await until(() => sent.length === 1);
    sent[0]!.writeHead(200, FRESH).write('old ');
    await first;
    const confirming = [['cache-control', 'no-cache'] as const];
    const later = [1, 2].map(async (server) => await cluster.get(server, '/a', { headers: confirming }));
    await until(() => sent.length === 2);
    await pause(100);
    sent[1]!.writeHead(200, FRESH).end('new');
    for (const { body } of await Promise.all(later)) expect(String(await readBody(body))).toBe('new');
    sent[0]!.end('one');
    expect(String(await readBody((await first).body))).toBe('old one');
    expect(sent).toHaveLength(2);
  });

  it('see the same error', async () => {
    const { answer, sent } = heldAnswers();
    const cluster = await startTestCluster({ answer });
    const asking = Array.from({ length: 6 }, async (_none, client) => await cluster.get(client % 3, '/a'));
    await until(() => sent.length === 1);
    await pause(50);
    sent[0]!.destroy();
    const failures = await Promise.allSettled(asking);
    const codes = failures.map((one) =>
      one.status === 'rejected' && one.reason instanceof CacheServerError ? one.reason.code : one.status,
    );
    expect(new Set(codes).size).toBe(1);
    expect(codes[0]).toMatch(/^upstream-/);
    expect(sent).toHaveLength(1);
  });

  it('see an error page of the upstream alike, although it is not stored', async () => {
    const { answer, sent } = heldAnswers();
    const cluster = await startTestCluster({ answer });
    const asking = Array.from({ length: 6 }, async (_none, client) => await cluster.get(client % 3, '/a'));
    await until(() => sent.length === 1);
    await pause(50);
    sent[0]!.writeHead(500).end('broken');
    for (const { status, body } of await Promise.all(asking)) {
      expect(status).toBe(500);
      expect(String(await readBody(body))).toBe('broken');
    }
    expect(sent).toHaveLength(1);
  });

  it('tell their own variants apart', async () => {
    const cluster = await startTestCluster({
      answer: (request, response) =>
        void setTimeout(() => {
          const language = String(request.headers['x-kind']);
          response.writeHead(200, { ...FRESH, vary: 'x-kind' }).end(`for ${language}`);
        }, 50),
    });
    const kinds = ['a', 'b'];
    const answers = await Promise.all(
      Array.from({ length: 12 }, async (_none, client) => {
        const kind = kinds[client % 2]!;
        return { kind, answer: await cluster.get(client % 3, '/v', { headers: [['x-kind', kind]] }) };
      }),
    );
    for (const { kind, answer } of answers) expect(String(await readBody(answer.body))).toBe(`for ${kind}`);
  });
});

describe('when a leader has gone', () => {
  it('one of those who wait takes over; what was passed on is not sent again', async () => {
    const { answer, sent } = heldAnswers();
    const cluster = await startTestCluster({ limits, answer });
    const leading = cluster.get(0, '/a');
    await until(() => sent.length === 1);
    const headers = { ...FRESH, etag: '"1"', 'content-length': BODY.length };
    sent[0]!.writeHead(200, headers).write(BODY.subarray(0, 300_000));
    const readers = await Promise.all(
      [1, 1, 2, 2].map(async (server) => new SteppingReader((await cluster.get(server, '/a')).body)),
    );
    for (const reader of readers) while (reader.bytes < 250_000) await reader.step();
    for (const name of cluster.leases.held()) cluster.leases.expire(name);
    await until(() => sent.length === 2);
    sent[1]!.writeHead(200, headers).end(BODY);
    for (const reader of readers) expect(await reader.toEnd()).toBe(BODY.length);
    // The old one goes on for its own client, and stores nothing.
    sent[0]!.end(BODY.subarray(300_000));
    expect(await readBody((await leading).body)).toEqual(BODY);
    await cluster.landed();
    expect(sent).toHaveLength(2);
    const takeovers = await Promise.all([1, 2].map(async (one) => await cluster.role(one, 'takeover')));
    expect(takeovers.filter((times) => times === 1)).toHaveLength(1);
    expect(await cluster.role(0, 'lease-lost')).toBe(1);
  });

  it('nobody gets a mixture of what it sent and of what is there now', async () => {
    const { answer, sent } = heldAnswers();
    const cluster = await startTestCluster({ limits, answer });
    void cluster.get(0, '/a').catch(() => undefined);
    await until(() => sent.length === 1);
    sent[0]!.writeHead(200, FRESH).write(BODY.subarray(0, 300_000));
    const follower = new SteppingReader((await cluster.get(1, '/a')).body);
    while (follower.bytes < 250_000) await follower.step();
    for (const name of cluster.leases.held()) cluster.leases.expire(name);
    await until(() => sent.length === 2);
    const changed = Buffer.from(BODY);
    changed[100_000] = (changed[100_000] ?? 0) ^ 1;
    sent[1]!.writeHead(200, FRESH).end(changed);
    await expect(follower.toEnd()).rejects.toThrow('another one');
    const whole = await cluster.get(2, '/a');
    expect(await readBody(whole.body)).toEqual(changed);
    expect(sent).toHaveLength(2);
  });

  it('a late write of its is refused', async () => {
    const { answer, sent } = heldAnswers();
    const cluster = await startTestCluster({ limits, answer });
    const leading = cluster.get(0, '/a');
    await until(() => sent.length === 1);
    sent[0]!.writeHead(200, FRESH).write('old ');
    await leading;
    for (const name of cluster.leases.held()) cluster.leases.expire(name);
    const confirming = [['cache-control', 'no-cache'] as const];
    const newer = cluster.get(1, '/a', { headers: confirming });
    await until(() => sent.length === 2);
    sent[1]!.writeHead(200, FRESH).end('new');
    expect(String(await readBody((await newer).body))).toBe('new');
    sent[0]!.end('one');
    expect(String(await readBody((await leading).body))).toBe('old one');
    await cluster.landed();
    const after = await cluster.get(2, '/a');
    expect(String(await readBody(after.body))).toBe('new');
    expect(header(after, 'cache-status')).toContain('hit');
  });

  it('because nobody waited for it any more, others need not wait for the end of its lease', async () => {
    const { answer, sent } = heldAnswers();
    const cluster = await startTestCluster({ answer });
    const leaver = new AbortController();
    const leaving = cluster.get(0, '/a', { signal: leaver.signal }).catch(() => undefined);
    await until(() => sent.length === 1);
    const staying = cluster.get(1, '/a');
    await cluster.followed([1], 1);
    leaver.abort(new CacheServerError('cancelled', 'gone'));
    await leaving;
    await until(() => sent.length === 2);
    sent[1]!.writeHead(200, FRESH).end('content');
    expect(String(await readBody((await staying).body))).toBe('content');
  });
});

describe('when control is away', () => {
  it('each server asks for itself', async () => {
    const cluster = await startTestCluster({
      answer: (_request, response) => response.writeHead(200, FRESH).end('x'),
    });
    cluster.leases.failure = new CacheServerError('store', 'away');
    for (const server of [0, 1, 2])
      expect(String(await readBody((await cluster.get(server, '/a')).body))).toBe('x');
    expect(await cluster.role(0, 'control-away')).toBeGreaterThan(0);
  });

  it('from the middle of a body on, followers go on with the upstream itself', async () => {
    const { answer, sent } = heldAnswers();
    const cluster = await startTestCluster({ limits, answer });
    void cluster.get(0, '/a').catch(() => undefined);
    await until(() => sent.length === 1);
    sent[0]!.writeHead(200, FRESH).write(BODY.subarray(0, 300_000));
    const follower = new SteppingReader((await cluster.get(1, '/a')).body);
    while (follower.bytes < 250_000) await follower.step();
    cluster.leases.failure = new CacheServerError('store', 'away');
    await until(() => sent.length === 2);
    sent[1]!.writeHead(200, FRESH).end(BODY);
    expect(await follower.toEnd()).toBe(BODY.length);
  });

  it.each([0, 1000])(
    'or takes records of %i bytes at most, nobody waits for what cannot be told, and it is stored all the same',
    async (most) => {
      const { answer, sent } = heldAnswers();
      const cluster = await startTestCluster({ limits, answer });
      const leading = cluster.get(0, '/a');
      await until(() => sent.length === 1);
      const following = cluster.get(1, '/a');
      await cluster.followed([1], 1);
      cluster.leases.recordBytesMax = most;
      cluster.answer((_request, response) => response.writeHead(200, FRESH).end(BODY));
      sent[0]!.writeHead(200, FRESH).end(BODY);
      for (const { body } of await Promise.all([leading, following]))
        expect(await readBody(body)).toEqual(BODY);
      await cluster.landed();
      expect(cluster.leases.held()).toEqual([]);
      for (const server of [0, 1, 2]) {
        const { outcome, body } = await cluster.get(server, '/a');
        expect(outcome).toBe('hit');
        expect(await readBody(body)).toEqual(BODY);
      }
    },
  );
});
