/** What a client sees that may not wait for a fetch that another one began, and what its upstream sees: over real processes. */
import type { ServerResponse } from 'node:http';
import { expect, test } from 'vitest';
import { curl } from '../fixture/curl.ts';
import type { CurlAnswer } from '../fixture/curl.ts';
import { eventually } from '../fixture/eventually.ts';
import { startMesh } from '../fixture/mesh.ts';
import type { Mesh, MeshOptions } from '../fixture/mesh.ts';
import { sumOfMetric } from '../fixture/metrics-page.ts';
import { startCountingUpstream } from './counting-upstream.ts';

/** A machine may be busy. */
const WITHIN_MS = 45_000;
/** A proxy does not share what a client sets bounds of its own for: each of them waits at the server. */
const OWN = { headers: { 'cache-control': 'max-age=3600' } };
const REFUSAL = 'pannier-proxy; detail=wait-limited';

type Limits = NonNullable<NonNullable<MeshOptions['config']>['limits']>;

function meshOf(
  url: string,
  limits: Limits,
  { upstream = {}, ...given }: Omit<MeshOptions, 'config'> & { upstream?: object } = {},
): Promise<Mesh> {
  return startMesh({
    ...given,
    config: {
      proxy: { nearCacheBytesMax: 0 },
      upstreams: {
        busy: { url, concurrencyMax: 1, queueTimeoutMs: '5m', fetchTimeoutMs: '5m', ...upstream },
      },
      // A busy machine may be silent for longer than a server should be.
      limits: { ackTimeoutMs: '10s', heartbeatMs: '5s', ...limits },
    },
  });
}

/** What fails of it is told where it is waited for. */
function together<T>(count: number, ask: (index: number) => Promise<T>): Promise<T[]> {
  const asking = Promise.all(Array.from({ length: count }, async (_, index) => await ask(index)));
  asking.catch(() => undefined);
  return asking;
}

function fresh(response: ServerResponse | undefined): void {
  response?.writeHead(200, { 'cache-control': 'max-age=60' }).end('well');
}

/** Requests of the first proxy that ended so. */
async function requests({ proxies: [proxy] }: Mesh, outcome: string): Promise<number> {
  if (proxy === undefined) throw new Error('no proxy');
  return await sumOfMetric(proxy, 'pannier_proxy_requests_total', { outcome });
}

function expectRefused({ status, headers, body }: CurlAnswer): void {
  expect([status, headers['retry-after'], headers['cache-status']]).toEqual([503, '1', REFUSAL]);
  expect(headers['cache-control']).toBe('no-store');
  expect(body.toString()).toMatch(/^pannier: .*limits\.wait/);
}

test.each(['direct', 'stale-only'] as const)(
  'with refuse, all but those who may wait get 503, and the upstream one request (fallback: %s)',
  async (fallback) => {
    await using upstream = await startCountingUpstream();
    const held: ServerResponse[] = [];
    upstream.answer = (_, response) => void held.push(response);
    const limits = { waitersPerFlightMax: 2, waitersBeyond: 'refuse' } as const;
    await using mesh = await meshOf(upstream.url, limits, { upstream: { fallback } });
    const answers: CurlAnswer[] = [];
    const asking = together(12, async () =>
      answers.push(await curl(`${upstream.url}/a`, mesh.proxyUrl(), OWN)),
    );
    await eventually(() => expect(answers).toHaveLength(10), WITHIN_MS);
    for (const refused of answers) expectRefused(refused);
    fresh(held[0]);
    await asking;
    expect(answers.slice(10).map(({ body }) => body.toString())).toEqual(['well', 'well']);
    expect([upstream.arrivals.length, upstream.underWayMax]).toEqual([1, 1]);
    expect(await requests(mesh, 'wait-limited')).toBe(10);
    expect(await requests(mesh, 'direct')).toBe(0);
    const outcome = 'wait-limited';
    expect(await sumOfMetric(mesh.server, 'pannier_server_lookups_total', { outcome })).toBe(10);
  },
);

test('with alone, all are answered, by one request at a time at the upstream, and by none once that is stored', async () => {
  await using upstream = await startCountingUpstream();
  const held: ServerResponse[] = [];
  upstream.answer = (_, response) => void held.push(response);
  await using mesh = await meshOf(upstream.url, { waitersPerFlightMax: 2 });
  const ask = async (): Promise<CurlAnswer> => await curl(`${upstream.url}/a`, mesh.proxyUrl(), OWN);
  const first = together(1, ask);
  await eventually(() => expect(held).toHaveLength(1), WITHIN_MS);
  const others = together(11, ask);
  const counted = async (name: string): Promise<number> => await sumOfMetric(mesh.server, name);
  await eventually(async () => expect(await counted('pannier_server_upstream_queued')).toBe(10), WITHIN_MS);
  fresh(held[0]);
  // The first in the queue may have its turn before that is stored, with which the fetch of the others is over.
  const isStored = async (): Promise<void> =>
    expect(await counted('pannier_server_flights')).toBeLessThanOrEqual(10);
  await eventually(isStored, WITHIN_MS);
  upstream.answer = (_, response) => fresh(response);
  fresh(held[1]);
  const answers = [...(await first), ...(await others)];
  expect(answers.map(({ status, body }) => `${status} ${body.toString()}`)).toEqual(
    Array.from({ length: 12 }, () => '200 well'),
  );
  expect(upstream.underWayMax).toBe(1);
  const alone = answers.filter(({ headers }) => headers['cache-status']?.includes('detail=wait-limited'));
  expect(upstream.arrivals.length).toBeLessThanOrEqual(2);
  expect(alone).toHaveLength(upstream.arrivals.length - 1);
  expect(await requests(mesh, 'alone')).toBe(alone.length);
});

test.each(['refuse', 'alone'] as const)(
  'past its deadline a request ends its wait for a slow upstream, at the server that asks it and at one that follows (%s)',
  async (waitersBeyond) => {
    await using upstream = await startCountingUpstream();
    const held: ServerResponse[] = [];
    upstream.answer = (_, response) => void held.push(response);
    // On a busy machine Redis is slow, which is not to be taken for away.
    const redisSettings = { commandTimeoutMs: '20s' };
    const given = { store: 'redis', redisSettings, servers: 2, proxies: 2, isPinned: true } as const;
    await using mesh = await meshOf(
      upstream.url,
      { waitDeadlineMs: '1s', waitersBeyond },
      { ...given, upstream: { concurrencyMax: 3 } },
    );
    const ask = async (proxy: number): Promise<CurlAnswer> =>
      await curl(`${upstream.url}/slow`, mesh.proxyUrl(proxy), OWN);
    const first = together(1, async () => await ask(0));
    await eventually(() => expect(held).toHaveLength(1), WITHIN_MS);
    const waiting = together(2, ask);
    if (waitersBeyond === 'refuse') for (const refused of await waiting) expectRefused(refused);
    else {
      await eventually(() => expect(held).toHaveLength(3), WITHIN_MS);
      for (const response of held.slice(1)) fresh(response);
      for (const { headers, status } of await waiting) {
        expect(status).toBe(200);
        expect(headers['cache-status']).toContain('stored=?0; detail=wait-limited');
      }
    }
    const [, follower = mesh.server] = mesh.servers;
    const role = { role: 'follower' };
    expect(await sumOfMetric(follower, 'pannier_server_flight_roles_total', role)).toBeGreaterThan(0);
    fresh(held[0]);
    expect((await first)[0]?.headers['cache-status']).toContain('stored');
    expect(upstream.arrivals.length).toBe(waitersBeyond === 'refuse' ? 1 : 3);
  },
);
