import { createHash } from 'node:crypto';
import type { ServerResponse } from 'node:http';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { curl, curlHead } from '../fixture/curl.ts';
import type { CurlAnswer } from '../fixture/curl.ts';
import { eventually } from '../fixture/eventually.ts';
import { startMesh } from '../fixture/mesh.ts';
import type { Mesh } from '../fixture/mesh.ts';
import { pinnedClient } from '../fixture/pinned-clients.ts';
import { startCountingUpstream } from './counting-upstream.ts';
import type { CountingUpstream } from './counting-upstream.ts';
import { STORES } from './stores.ts';

/** Over every bound below which the whole is fetched behind a part; each test has one of its own. */
const large = (seed: number): string => `generated/20MB?type=random&seed=${seed}`;
const SMALL = 'generated/1MB?type=random';
/** On a busy machine a moment of silence is no sign of death. */
const PATIENT = { ackTimeoutMs: '10s', heartbeatMs: '5s' };
/** Nor is it one that Redis is slow. */
const SLOW_REDIS = { commandTimeoutMs: '20s' };

/** @param by a range as in `0-99`, or all headers */
async function part(mesh: Mesh, path: string, by: string | Record<string, string>): Promise<CurlAnswer> {
  const headers = typeof by === 'string' ? { range: `bytes=${by}` } : by;
  return await curl(`${mesh.upstream.url}/${path}`, mesh.proxyUrl(), { headers });
}

/** The content as the upstream sends it to who asks for all of it. */
async function contentOf(mesh: Mesh, path: string): Promise<CurlAnswer> {
  const direct = await curl(`${mesh.upstream.url}/${path}`);
  mesh.upstream.resetStats();
  return direct;
}

/** Waits until a part is stored, without asking for it. */
async function stored(mesh: Mesh, path: string, range: string): Promise<CurlAnswer> {
  const headers = { range: `bytes=${range}`, 'cache-control': 'only-if-cached' };
  return await eventually(async () => {
    const answer = await curl(`${mesh.upstream.url}/${path}`, mesh.proxyUrl(mesh.proxies.length - 1), {
      headers,
    });
    expect(answer.status).toBe(206);
    expect(answer.headers['cache-status']).toMatch(/^pannier-server; hit/);
    return answer;
  });
}

function expectPart(answer: CurlAnswer, content: Buffer, [first, last]: readonly [number, number]): void {
  expect([answer.status, answer.headers['content-range']]).toEqual([
    206,
    `bytes ${first}-${last}/${content.length}`,
  ]);
  expect(answer.body.equals(content.subarray(first, last + 1))).toBe(true);
}

describe.each(STORES)('parts of a response on the %s store', (store) => {
  let mesh: Mesh;
  beforeAll(async () => {
    mesh = await startMesh({ store, redisSettings: SLOW_REDIS, config: { limits: PATIENT } });
  });
  afterAll(async () => await mesh[Symbol.asyncDispose]());

  it('are fetched once for 50 who ask for the same one, and answer for what lies in them', async () => {
    // Slow enough that all of them are there before it is answered.
    const path = `${large(1)}&latencyMs=2000`;
    const { body } = await contentOf(mesh, path);
    const [first, last] = [3_000_001, 4_500_000];
    const all = Array.from({ length: 50 }, async () => await part(mesh, path, `${first}-${last}`));
    for (const answer of await Promise.all(all)) expectPart(answer, body, [first, last]);
    expect(mesh.upstream.stats()).toMatchObject({ total: 1, byKind: { range: 1 } });

    expectPart(await stored(mesh, path, '4000000-4000099'), body, [4_000_000, 4_000_099]);
    const several = await part(mesh, path, '3000001-3000002,4500000-4500000');
    expect(several.headers['content-type']).toMatch(/^multipart\/byteranges/);
    expect(mesh.upstream.stats().total).toBe(1);
  });

  it('are put together, and make the whole', async () => {
    const path = large(2);
    const direct = await contentOf(mesh, path);
    expectPart(await part(mesh, path, '0-11999999'), direct.body, [0, 11_999_999]);
    await stored(mesh, path, '0-11999999');
    expectPart(await part(mesh, path, '-9000000'), direct.body, [11_000_000, 19_999_999]);
    await stored(mesh, path, '0-19999999');
    const whole = await curl(`${mesh.upstream.url}/${path}`, mesh.proxyUrl());
    expect([whole.status, whole.sha256]).toEqual([200, direct.sha256]);
    expect(whole.headers['cache-status']).toMatch(/^pannier-server; hit/);
    expect(mesh.upstream.stats()).toMatchObject({ total: 2, byKind: { range: 2, full: 0 } });
  });

  it('are completed by what is missing', async () => {
    const path = large(3);
    const direct = await contentOf(mesh, path);
    await part(mesh, path, '0-14999999');
    await stored(mesh, path, '0-0');
    const whole = await curl(`${mesh.upstream.url}/${path}`, mesh.proxyUrl());
    expect([whole.status, whole.sha256]).toEqual([200, direct.sha256]);
    expect(whole.headers['content-length']).toBe('20000000');
    expect(whole.headers['cache-status']).toMatch(/^pannier-server; fwd=partial; fwd-status=206/);
    expect(mesh.upstream.stats().byKind).toMatchObject({ range: 2, full: 0 });
  });

  it('of a small response bring the whole behind them', async () => {
    const { body } = await contentOf(mesh, SMALL);
    expectPart(await part(mesh, SMALL, '400000-499999'), body, [400_000, 499_999]);
    expectPart(await stored(mesh, SMALL, '0-999999'), body, [0, 999_999]);
    const { total } = mesh.upstream.stats();
    for (const range of ['0-9', '999990-', '-5', '123456-654321']) await part(mesh, SMALL, range);
    expect(mesh.upstream.stats().total).toBe(total);
  });

  it('of two versions are never mixed', async () => {
    const url = `${mesh.upstream.url}/cities.json`;
    const old = await curl(url);
    const middle = Math.floor(old.body.length / 2);
    await part(mesh, 'cities.json', `0-${middle}`);
    await mesh.upstream.control.publish();
    const fresh = await curl(url);
    expect(fresh.sha256).not.toBe(old.sha256);
    const second = await part(mesh, 'cities.json', `${middle}-`);
    expect(second.headers.etag).toBe(fresh.headers.etag);
    const whole = await curl(url, mesh.proxyUrl());
    const sha256 = createHash('sha256').update(whole.body).digest('hex');
    expect([whole.headers.etag, sha256]).toEqual([fresh.headers.etag, fresh.sha256]);
  });

  it('follow If-Range, and a 416 says how much there is', async () => {
    const path = large(6);
    const { body, headers } = await contentOf(mesh, path);
    const same = await part(mesh, path, { range: 'bytes=10-19', 'if-range': headers.etag ?? '' });
    expectPart(same, body, [10, 19]);
    const none = await part(mesh, path, '20000000-');
    expect([none.status, none.headers['content-range']]).toEqual([416, 'bytes */20000000']);
    const other = await part(mesh, path, { range: 'bytes=30-39', 'if-range': '"other"' });
    expect([other.status, other.body.equals(body)]).toEqual([200, true]);
  });
});

it('a part that one server fetched is a hit on the others', async () => {
  await using mesh = await startMesh({ store: 'redis', servers: 2, proxies: 2, isPinned: true });
  const { body } = await contentOf(mesh, large(1));
  const url = `${mesh.upstream.url}/${large(1)}`;
  const headers = { range: 'bytes=1000-1999999' };
  expectPart(await curl(url, mesh.proxyUrl(0), { headers }), body, [1000, 1_999_999]);
  expectPart(await stored(mesh, large(1), '1500-1599'), body, [1500, 1599]);
});

/** A part of something that is never fetched whole behind it. */
const RANGE = 'bytes=0-99999';
const PART = Buffer.alloc(100_000, 'part');
const PART_HEAD = {
  'cache-control': 'max-age=60',
  etag: '"a"',
  'content-range': 'bytes 0-99999/20000000',
  'content-length': PART.length,
};

interface HeldMesh extends AsyncDisposable {
  readonly mesh: Mesh;
  readonly upstream: CountingUpstream;
  readonly url: string;
  /** What the upstream was asked and has not answered: a test does. */
  readonly held: ServerResponse[];
}

/** Servers with a proxy before each that knows no other, before an upstream whose answers a test sends. */
async function startHeld(servers: number): Promise<HeldMesh> {
  await using parts = new AsyncDisposableStack();
  const upstream = parts.use(await startCountingUpstream());
  const held: ServerResponse[] = [];
  upstream.answer = (_, response) => void held.push(response);
  const config = { upstreams: { counted: { url: upstream.url } }, limits: PATIENT };
  const options = { servers, proxies: servers, isPinned: true, redisSettings: SLOW_REDIS, config } as const;
  const mesh = parts.use(await startMesh({ store: 'redis', ...options }));
  const running = parts.move();
  const dispose = async (): Promise<void> => await running.disposeAsync();
  return { mesh, upstream, url: `${upstream.url}/a`, held, [Symbol.asyncDispose]: dispose };
}

/** Waits until the flight of a server waits for that of another one. */
async function following(mesh: Mesh, server: number): Promise<void> {
  await eventually(async () => {
    const metrics = await (await fetch(`http://${mesh.servers[server]?.listening['admin']}/metrics`)).text();
    expect(metrics).toMatch(/flight_roles_total\{role="follower"\} 1/);
  });
}

describe('a part that is asked for at several servers', () => {
  it('is fetched once for 100 clients of two', async () => {
    await using started = await startHeld(2);
    const { mesh, upstream, url, held } = started;
    const ask = async (client: number): Promise<CurlAnswer> =>
      await curl(url, mesh.proxyUrl(client % 2), { headers: { range: RANGE } });
    const first = ask(0);
    await eventually(() => expect(held).toHaveLength(1));
    const others = Array.from({ length: 99 }, async (_, client) => await ask(client));
    await following(mesh, 1);
    held[0]?.writeHead(206, PART_HEAD).end(PART);
    for (const answer of await Promise.all([first, ...others]))
      expect([answer.status, answer.body.equals(PART)]).toEqual([206, true]);
    expect(upstream.arrivals).toHaveLength(1);
  });

  it('is fetched twice at most when the server that asks for it is killed', async () => {
    await using started = await startHeld(3);
    const { mesh, upstream, url, held } = started;
    // No proxy, which would go on with the upstream itself, as does a client that may, or that takes a slow server for dead.
    using first = pinnedClient(mesh.serverAddress(0));
    const headers = { range: RANGE };
    const lost = first.fetch(url, { headers }).then(
      () => 'answered',
      () => 'lost',
    );
    await eventually(() => expect(held).toHaveLength(1));
    const others = Array.from({ length: 50 }, async (_, client) => {
      return await curl(url, mesh.proxyUrl(1 + (client % 2)), { headers });
    });
    await Promise.all([following(mesh, 1), following(mesh, 2)]);
    await mesh.kill9(0);
    await eventually(() => expect(held).toHaveLength(2));
    held[1]?.writeHead(206, PART_HEAD).end(PART);
    for (const answer of await Promise.all(others))
      expect([answer.status, answer.body.equals(PART)]).toEqual([206, true]);
    expect(await lost).toBe('lost');
    expect(upstream.arrivals).toHaveLength(2);
  });

  it('and that may not be stored reaches all of them without its end', async () => {
    await using started = await startHeld(2);
    const { mesh, upstream, url, held } = started;
    upstream.answer = (_, response) => {
      response.writeHead(206, { ...PART_HEAD, 'cache-control': 'no-store' }).write(PART.subarray(0, 50_000));
      held.push(response);
    };
    const headers = { range: RANGE };
    const begun = [0, 1].map(async (proxy) => await curlHead(url, mesh.proxyUrl(proxy), { headers }));
    const responses = await Promise.all(begun);
    for (const response of held) response.end(PART.subarray(50_000));
    for (const response of responses) {
      const chunks: Buffer[] = [];
      for await (const chunk of response) chunks.push(chunk as Buffer);
      expect(Buffer.concat(chunks).equals(PART)).toBe(true);
    }
    expect(upstream.arrivals).toHaveLength(2);
  });
});
