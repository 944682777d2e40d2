import type { ServerResponse } from 'node:http';
import { describe, expect, it } from 'vitest';
import { header, readBody, startEntries } from '../get-entry.fixture.ts';

describe('an answer to credentials', () => {
  it.each(['authorization', 'cookie'])(
    'that varies by %s is for those alone who sent them, where credentials are as any field',
    async (name) => {
      const entries = await startEntries({
        upstream: { credentials: 'rfc' },
        answer: (request, response) =>
          response
            .writeHead(200, { 'cache-control': 'public, max-age=60', vary: name })
            .end(`for ${String(request.headers[name] ?? 'nobody')}`),
      });
      const ask = async (who?: string): Promise<string> => {
        const headers = who === undefined ? [] : [[name, who] as const];
        return (await readBody((await entries.get('/a', headers)).body)).toString();
      };
      expect(await ask('alice')).toBe('for alice');
      await entries.landed();
      expect([await ask('bob'), await ask(), await ask('alice')]).toEqual([
        'for bob',
        'for nobody',
        'for alice',
      ]);
    },
  );
});

describe('an upstream that gets all headers', () => {
  it('shares with those who wait nothing that no rule tells apart', async () => {
    const held = Promise.withResolvers<void>();
    const entries = await startEntries({
      upstream: { forwardHeaders: ['*'] },
      answer: (request, response) =>
        void held.promise.then(() => response.end(`for ${String(request.headers['x-who'])}`)),
    });
    const asked = ['alice', 'bob'].map(async (who) => await entries.ask('/a', [['X-Who', who]]));
    await entries.upstream.arrived(1);
    held.resolve();
    const [first, second] = await Promise.all(asked);
    if (first?.kind !== 'response') throw new Error('no response');
    expect((await readBody(first.body)).toString()).toBe('for alice');
    expect(second?.kind).toBe('bypass');
    await entries.landed();
    // It is not remembered against the URL: the next one is asked for like the first.
    expect((await entries.ask('/a')).kind).toBe('response');
  });
});

describe('an error page', () => {
  it('that may be kept does not replace what stands in for it', async () => {
    let isFailing = false;
    const entries = await startEntries({
      answer: (_, response) =>
        isFailing
          ? response.writeHead(503, { 'cache-control': 'max-age=60' }).end('down')
          : response.writeHead(200, { 'cache-control': 'max-age=10, stale-if-error=600' }).end('good'),
    });
    await entries.get('/a');
    await entries.landed();
    isFailing = true;
    entries.clock.pass(20_000);
    for (let times = 0; times < 3; times += 1) {
      const answer = await entries.get('/a');
      expect([answer.outcome, (await readBody(answer.body)).toString()]).toEqual(['stale-if-error', 'good']);
      await entries.landed();
    }
    // Once in a moment, not for each of them.
    expect(entries.upstream.requests).toHaveLength(2);
  });

  it('that asks who the caller is is not given to one who says so in a header that was not sent', async () => {
    const entries = await startEntries({
      answer: (_, response) => response.writeHead(403, { 'cache-control': 'max-age=60' }).end('who are you?'),
    });
    await entries.get('/a');
    await entries.landed();
    expect((await entries.get('/a')).status).toBe(403);
    expect((await entries.ask('/a', [['X-Tenant', 'mine']])).kind).toBe('bypass');
  });
});

describe('a stale answer', () => {
  it('behind which the upstream fails has it asked once in a moment', async () => {
    let isFailing = false;
    const entries = await startEntries({
      answer: (_, response) =>
        isFailing
          ? response.writeHead(500).end()
          : response.writeHead(200, { 'cache-control': 'max-age=1, stale-while-revalidate=600' }).end('x'),
    });
    await entries.get('/a');
    await entries.landed();
    isFailing = true;
    entries.clock.pass(5000);
    for (let times = 0; times < 10; times += 1) {
      expect((await entries.get('/a')).outcome).toBe('stale-while-revalidate');
      await entries.landed();
    }
    expect(entries.upstream.requests).toHaveLength(2);
  });
});

describe('a 304 that names more headers in Vary', () => {
  it('confirms nothing, since it cannot be told what of', async () => {
    const entries = await startEntries({
      answer: (request, response) =>
        request.headers['if-none-match'] === undefined
          ? response
              .writeHead(200, {
                'cache-control': 'max-age=10',
                etag: '"a"',
                ...(entries.upstream.requests.length > 1 ? { vary: 'x-region' } : {}),
              })
              .end(String(request.headers['x-region'] ?? 'none'))
          : response.writeHead(304, { etag: '"a"', vary: 'x-region', 'cache-control': 'max-age=60' }).end(),
    });
    await entries.get('/a', [['X-Region', 'us']]);
    await entries.landed();
    entries.clock.pass(11_000);
    const answer = await entries.get('/a', [['X-Region', 'eu']]);
    expect((await readBody(answer.body)).toString()).toBe('eu');
  });
});

describe('a HEAD', () => {
  it('asks with the headers that responses vary by, and leaves a stale entry for when the upstream fails', async () => {
    const methods: string[] = [];
    const entries = await startEntries({
      answer: (request, response) => {
        methods.push(`${request.method ?? ''} ${String(request.headers['x-region'] ?? '')}`);
        const headers = {
          'cache-control': 'max-age=10, stale-if-error=600',
          vary: 'x-region',
          'content-length': 2,
        };
        response.writeHead(200, headers).end(request.method === 'HEAD' ? undefined : 'us');
      },
    });
    const region = [['X-Region', 'us']] as const;
    await entries.get('/a', region);
    await entries.landed();
    entries.clock.pass(20_000);
    const request = { method: 'HEAD', url: `${entries.upstream.url}/a`, headers: region };
    const answer = await entries.service.getEntry(
      request,
      { identity: 'test' },
      new AbortController().signal,
    );
    if (answer.kind !== 'response') throw new Error('no response');
    expect(header(answer, 'content-length')).toBe('2');
    expect(methods.at(-1)).toBe('HEAD us');
  });

  it('that is answered late changes nothing of what was confirmed by a later request', async () => {
    const late: ServerResponse[] = [];
    let control = 'max-age=10';
    const entries = await startEntries({
      answer: (request, response) => {
        const headers = { 'cache-control': control, etag: '"1"' };
        if (request.method === 'HEAD') late.push(response);
        else if (request.headers['if-none-match'] === undefined) response.writeHead(200, headers).end('us');
        else response.writeHead(304, headers).end();
      },
    });
    await entries.get('/a');
    await entries.landed();
    entries.clock.pass(20_000);
    const request = { method: 'HEAD', url: `${entries.upstream.url}/a`, headers: [] };
    const never = new AbortController().signal;
    const answering = entries.service.getEntry(request, { identity: 'test' }, never);
    await entries.upstream.arrived(2);
    entries.clock.pass(1000);
    control = 'max-age=60';
    expect((await entries.get('/a')).outcome).toBe('revalidated');
    await entries.landed();
    late[0]?.writeHead(200, { 'cache-control': 'max-age=600', etag: '"1"' }).end();
    expect(await answering).toMatchObject({ status: 200 });
    const { outcome, headers, freshForMs } = await entries.get('/a');
    expect(outcome).toBe('hit');
    expect(headers).toContainEqual(['cache-control', 'max-age=60']);
    expect(freshForMs).toBe(60_000);
  });
});
