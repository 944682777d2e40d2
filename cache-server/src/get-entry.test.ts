import { describe, expect, it } from 'vitest';
import { header, readBody, startEntries } from './get-entry.fixture.ts';

const JSON_60S = { 'content-type': 'application/json', 'cache-control': 'max-age=60', etag: '"one"' };

describe('getEntry', () => {
  it('fetches once and answers from the store while the response is fresh', async () => {
    const { get, landed, upstream, clock } = await startEntries({
      answer: (_, response) => response.writeHead(200, JSON_60S).end('{"a":1}'),
    });
    const first = await get('/a');
    expect((await readBody(first.body)).toString()).toBe('{"a":1}');
    expect(first).toMatchObject({ outcome: 'miss', status: 200, freshForMs: 60_000 });
    await landed();
    clock.pass(10_000);
    const second = await get('/a');
    expect((await readBody(second.body)).toString()).toBe('{"a":1}');
    expect(second).toMatchObject({ outcome: 'hit', freshForMs: 50_000 });
    expect(header(second, 'age')).toBe('10');
    expect(header(second, 'via')).toBe('1.1 pannier-server');
    expect(header(second, 'cache-status')).toBe('pannier-server; hit; ttl=50');
    expect(header(second, 'content-length')).toBe('7');
    expect(upstream.requests).toHaveLength(1);
  });

  it('revalidates a stale entry with its validators and keeps body and version on a 304', async () => {
    const { get, landed, upstream, clock, service } = await startEntries({
      answer: (request, response) => {
        if (request.headers['if-none-match'] === '"one"')
          response.writeHead(304, { 'cache-control': 'max-age=30', etag: '"one"' }).end();
        else response.writeHead(200, JSON_60S).end('x'.repeat(100_000));
      },
    });
    const first = await get('/a');
    await readBody(first.body);
    await landed();
    clock.pass(61_000);
    const second = await get('/a');
    expect(second).toMatchObject({ outcome: 'revalidated', freshForMs: 30_000 });
    expect(second.body.version).toBe(first.body.version);
    expect(header(second, 'cache-status')).toBe('pannier-server; fwd=stale; fwd-status=304; ttl=30');
    expect((await readBody(second.body)).length).toBe(100_000);
    expect((await get('/a')).outcome).toBe('hit');
    expect(upstream.requests).toHaveLength(2);
    expect(service.counts().upstreamRequestKinds).toMatchObject({
      full: 1,
      conditional: 1,
      'not-modified': 1,
    });
  });

  it('replaces a stale entry when the upstream sends a new version', async () => {
    let body = 'old';
    const { get, landed, clock } = await startEntries({
      answer: (_, response) => response.writeHead(200, { ...JSON_60S, etag: `"${body}"` }).end(body),
    });
    await get('/a');
    await landed();
    clock.pass(61_000);
    body = 'new';
    expect((await get('/a')).outcome).toBe('refreshed');
    expect((await readBody((await get('/a')).body)).toString()).toBe('new');
  });

  it('asks the upstream when the client insists, and tells the client its copy is good', async () => {
    const { get, landed, upstream } = await startEntries({
      answer: (request, response) =>
        request.headers['if-none-match'] === undefined
          ? response.writeHead(200, JSON_60S).end('body')
          : response.writeHead(304, { etag: '"one"' }).end(),
    });
    await get('/a');
    await landed();
    const insisted = await get('/a', [
      ['Cache-Control', 'no-cache'],
      ['If-None-Match', '"one"'],
    ]);
    expect(insisted).toMatchObject({ outcome: 'revalidated', status: 304 });
    expect(upstream.requests).toHaveLength(2);
    const hit = await get('/a', [['If-None-Match', '"one"']]);
    expect(hit).toMatchObject({ outcome: 'hit', status: 304 });
    expect((await readBody(hit.body)).length).toBe(0);
  });

  it('sends a shared request: normalised headers, its own name, no conditions of the client', async () => {
    const { get, upstream } = await startEntries({
      answer: (_, response) => response.writeHead(200, JSON_60S).end('x'),
    });
    await get('/a', [
      ['User-Agent', 'app'],
      ['Accept-Encoding', 'gzip, br;q=0.1'],
      ['If-None-Match', '"two"'],
      ['X-Debug', 'yes'],
    ]);
    const { headers } = upstream.requests[0]!;
    expect(headers).toMatchObject({ 'accept-encoding': 'gzip', host: new URL(upstream.url).host });
    expect(headers).toMatchObject({ 'user-agent': 'pannier/0.1', via: '1.1 pannier-server-test' });
    expect(headers).not.toHaveProperty('if-none-match');
    expect(headers).not.toHaveProperty('x-debug');
  });

  it('sends what may not be shared past the cache, without a fetch', async () => {
    const { ask, upstream } = await startEntries({ answer: (_, response) => response.end() });
    const outcomes = await Promise.all([
      ask('/a', [['Authorization', 'Basic eA==']]),
      ask('/a', [['Range', 'bytes=0-1,3-4']]),
      ask('http://elsewhere.example/'),
    ]);
    expect(outcomes).toEqual([
      { kind: 'bypass', outcome: 'bypass-credentials', rememberOriginMs: 0 },
      { kind: 'bypass', outcome: 'bypass-range', rememberOriginMs: 0 },
      { kind: 'bypass', outcome: 'undeclared-upstream', rememberOriginMs: 30_000 },
    ]);
    expect(upstream.requests).toHaveLength(0);
  });

  it('refuses cloud metadata services and its own loop', async () => {
    const { ask, service } = await startEntries({ answer: (_, response) => response.end() });
    await expect(ask('http://169.254.169.254/latest')).rejects.toMatchObject({ code: 'forbidden-target' });
    await expect(ask('/a', [['Via', '1.1 pannier-server-test']])).rejects.toMatchObject({
      code: 'forbidden-target',
    });
    expect(service.counts().lookups).toMatchObject({ refused: 2 });
  });

  it('answers 504 when nothing fresh is stored and the client forbids asking', async () => {
    const { get, upstream } = await startEntries({ answer: (_, response) => response.end() });
    expect(await get('/a', [['Cache-Control', 'only-if-cached']])).toMatchObject({
      status: 504,
      outcome: 'only-if-cached',
    });
    expect(upstream.requests).toHaveLength(0);
  });

  it('has no entry any more that was invalidated by its key, and describes it before', async () => {
    const { get, landed, service, upstream, invalidate } = await startEntries({
      answer: (_, response) => response.writeHead(200, JSON_60S).end('x'),
    });
    await get('/a');
    await landed();
    const asked = { method: 'GET', url: `${upstream.url}/a`, headers: [] };
    const { key } = await service.explain(asked, { identity: 'test' });
    expect(await service.describeManifest(key)).toMatchObject({ partitions: 0, freshForMs: 60_000 });
    await invalidate('key', key);
    expect(await service.describeManifest(key)).toBeUndefined();
    expect((await get('/a')).outcome).toBe('miss');
  });

  it('has no entry of an invalidated URL any more, and all of another one', async () => {
    const { get, landed, invalidate } = await startEntries({
      answer: (_, response) => response.writeHead(200, JSON_60S).end('x'),
    });
    for (const language of ['cs', 'de']) await get('/a', [['Accept-Language', language]]);
    await get('/a', [['Accept-Encoding', 'gzip']]);
    await get('/ab');
    await landed();
    await invalidate('url', '/a');
    for (const language of ['cs', 'de'])
      expect((await get('/a', [['Accept-Language', language]])).outcome).toBe('miss');
    expect((await get('/a', [['Accept-Encoding', 'gzip']])).outcome).toBe('miss');
    expect((await get('/ab')).outcome).toBe('hit');
  });

  it('does not publish what was purged while it was fetched', async () => {
    const held = Promise.withResolvers<() => void>();
    const { get, landed, service, upstream, invalidate } = await startEntries({
      answer: (_, response) => {
        response.writeHead(200, { ...JSON_60S, 'content-length': 2 }).write('a');
        held.resolve(() => response.end('b'));
      },
    });
    const first = get('/a');
    const finish = await held.promise;
    await invalidate('url', '/a');
    finish();
    expect(String(await readBody((await first).body))).toBe('ab');
    await landed();
    const request = { method: 'GET', url: `${upstream.url}/a`, headers: [] };
    expect(await service.explain(request, { identity: 'test' })).toMatchObject({ outcome: 'miss' });
  });

  it('explains without asking the upstream', async () => {
    const { get, landed, service, upstream, clock } = await startEntries({
      answer: (_, response) => response.writeHead(200, JSON_60S).end('x'),
    });
    const request = { method: 'GET', url: `${upstream.url}/a`, headers: [] };
    const caller = { identity: 'test' };
    expect(await service.explain(request, caller)).toMatchObject({ outcome: 'miss' });
    await get('/a');
    await landed();
    expect(await service.explain(request, caller)).toMatchObject({ outcome: 'hit', manifest: { ageMs: 0 } });
    await landed();
    clock.pass(61_000);
    const stale = await service.explain(request, caller);
    expect(stale).toMatchObject({ outcome: 'revalidated' });
    expect(stale.reasons.join(' ')).toContain('stale');
    expect(upstream.requests).toHaveLength(1);
  });

  it('keeps a response that says nothing for the time that the configuration gives it', async () => {
    const { get, landed, clock } = await startEntries({
      answer: (_, response) => response.end('x'),
      upstream: { defaultTtlMs: 5000 },
    });
    await get('/a');
    await landed();
    expect((await get('/a')).outcome).toBe('hit');
    await landed();
    clock.pass(5001);
    expect((await get('/a')).outcome).toBe('refreshed');
  });
});
