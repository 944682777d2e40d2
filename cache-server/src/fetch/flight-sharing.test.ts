import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import { describe, expect, it } from 'vitest';
import { header, readBody, startEntries, SteppingReader } from '../get-entry.fixture.ts';

const CACHEABLE = { 'cache-control': 'max-age=60', etag: '"one"' };
const NEVER = new AbortController().signal;

function hash(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/** An upstream that sends what it is told to. */
function held(): {
  answer: (_: unknown, response: ServerResponse) => void;
  response: Promise<ServerResponse>;
} {
  const { promise, resolve } = Promise.withResolvers<ServerResponse>();
  return { answer: (_, response) => resolve(response), response: promise };
}

describe('a flight', () => {
  it('fetches once for 500 that ask at the same time', async () => {
    const bytes = randomBytes(600_000);
    const { get, upstream } = await startEntries({
      answer: (_, response) => response.writeHead(200, CACHEABLE).end(bytes),
    });
    const answers = await Promise.all(Array.from({ length: 500 }, async () => await get('/a')));
    const hashes = await Promise.all(answers.map(async ({ body }) => hash(await readBody(body))));
    expect(new Set(hashes)).toEqual(new Set([hash(bytes)]));
    expect(upstream.requests).toHaveLength(1);
    expect(answers.filter(({ outcome }) => outcome === 'miss')).toHaveLength(1);
    expect(answers.filter(({ outcome }) => outcome === 'collapsed')).toHaveLength(499);
    expect(header(answers[499]!, 'cache-status')).toContain('collapsed');
  });

  it('gives everything from the first byte to who joins in the middle of the body', async () => {
    const { answer, response } = held();
    const { get, upstream } = await startEntries({ answer });
    const bytes = randomBytes(9_000_000);
    const first = get('/a');
    const sending = await response;
    sending.writeHead(200, { ...CACHEABLE, 'content-length': bytes.length });
    sending.write(bytes.subarray(0, 8_000_000));
    const reading = new SteppingReader((await first).body);
    while (reading.bytes < 8_000_000) await reading.step();
    const late = await get('/a');
    expect(late.outcome).toBe('collapsed');
    sending.end(bytes.subarray(8_000_000));
    expect(hash(await readBody(late.body))).toBe(hash(bytes));
    expect(await reading.toEnd()).toBe(bytes.length);
    expect(upstream.requests).toHaveLength(1);
  });

  it('goes on for the others when its first caller leaves', async () => {
    const { answer, response } = held();
    const { get, upstream } = await startEntries({ answer });
    const leaving = new AbortController();
    const first = get('/a', [], leaving.signal);
    const others = [get('/a'), get('/a')];
    const sending = await response;
    leaving.abort(new Error('gone'));
    await expect(first).rejects.toThrow('gone');
    sending.writeHead(200, CACHEABLE).end('still here');
    for (const other of others) expect((await readBody((await other).body)).toString()).toBe('still here');
    expect(upstream.requests).toHaveLength(1);
  });

  it('ends when its last caller leaves before it is known to be of use', async () => {
    const { answer, response } = held();
    const { get, service, landed } = await startEntries({ answer });
    const leaving = new AbortController();
    const only = get('/a', [], leaving.signal);
    const sending = await response;
    leaving.abort(new Error('gone'));
    await expect(only).rejects.toThrow('gone');
    await once(sending, 'close');
    await landed();
    expect(service.counts().failures).toMatchObject({ 'flight-abandoned': 1 });
  });

  it('is finished and stored when its last reader leaves a storable body of bounded length', async () => {
    const bytes = randomBytes(2_000_000);
    const { answer, response } = held();
    const { get, landed } = await startEntries({ answer });
    const first = get('/a');
    const sending = await response;
    sending
      .writeHead(200, { ...CACHEABLE, 'content-length': bytes.length })
      .write(bytes.subarray(0, 100_000));
    (await first).body.release();
    sending.end(bytes.subarray(100_000));
    await landed();
    const second = await get('/a');
    expect(second.outcome).toBe('hit');
    expect(hash(await readBody(second.body))).toBe(hash(bytes));
  });

  it('passes a response with Set-Cookie to one caller alone and sends the others to the upstream', async () => {
    const { answer, response } = held();
    const { ask, upstream, clock } = await startEntries({ answer });
    const asking = Array.from({ length: 20 }, async () => await ask('/a'));
    (await response).writeHead(200, { ...CACHEABLE, 'set-cookie': 'who=me' }).end('mine');
    const [first, ...others] = await Promise.all(asking);
    expect(first).toMatchObject({ kind: 'response', outcome: 'miss', key: undefined, freshForMs: 0 });
    expect(first).toMatchObject({ body: { stored: false } });
    expect(new Set(others.map(({ kind, outcome }) => `${kind} ${outcome}`))).toEqual(
      new Set(['bypass bypass-uncacheable']),
    );
    expect(await ask('/a')).toMatchObject({ outcome: 'bypass-uncacheable' });
    expect(upstream.requests).toHaveLength(1);
    clock.pass(31_000);
    upstream.answer = (_, again) => again.writeHead(200, CACHEABLE).end('shared now');
    expect(await ask('/a')).toMatchObject({ kind: 'response', outcome: 'miss' });
  });

  it('gives an error of the upstream to all who wait and keeps it for nobody', async () => {
    const { answer, response } = held();
    const { get, upstream, landed } = await startEntries({ answer });
    const asking = [get('/a'), get('/a')];
    (await response).writeHead(503).end('busy');
    const answers = await Promise.all(asking);
    expect(answers.map(({ status }) => status)).toEqual([503, 503]);
    await landed();
    upstream.answer = (_, again) => again.writeHead(200, CACHEABLE).end('back');
    expect(await get('/a')).toMatchObject({ status: 200, outcome: 'miss' });
  });

  it('sends a caller that may be known by a header of its own past the cache on a 401', async () => {
    const { ask } = await startEntries({ answer: (_, response) => response.writeHead(401).end() });
    expect(await ask('/a', [['X-Tenant', '7']])).toMatchObject({ outcome: 'bypass-uncacheable' });
    expect(await ask('/a', [['Accept', 'text/html']])).toMatchObject({ kind: 'response', status: 401 });
  });

  it('reads a version by its name while it is under way and afterwards', async () => {
    const bytes = randomBytes(1_500_000);
    const { answer, response } = held();
    const { get, service, landed } = await startEntries({ answer });
    const first = get('/a');
    (await response)
      .writeHead(200, { ...CACHEABLE, 'content-length': bytes.length })
      .write(bytes.subarray(0, 10));
    const { key, body } = await first;
    const second = await service.openVersion(key!.text, body.version, NEVER);
    (await response).end(bytes.subarray(10));
    expect(hash(await readBody(second!, 600_000))).toBe(hash(bytes.subarray(600_000)));
    expect(hash(await readBody(body))).toBe(hash(bytes));
    await landed();
    const third = await service.openVersion(key!.text, body.version, NEVER);
    expect(hash(await readBody(third!, 600_000))).toBe(hash(bytes.subarray(600_000)));
    expect(await service.openVersion(key!.text, 'another', NEVER)).toBeUndefined();
  });
});
