/** Purging in a cluster: two servers over one Redis, two proxies that hold what is purged in their own memory. */
import { createServer } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import type { Invalidation } from '@pannier/client';
import { expect, it } from 'vitest';
import { curl } from '../fixture/curl.ts';
import { eventually } from '../fixture/eventually.ts';
import { listenOnLoopback } from '../fixture/loopback-port.ts';
import { IMPATIENT, startMesh } from '../fixture/mesh.ts';
import type { Mesh } from '../fixture/mesh.ts';
import { pannier } from '../fixture/pannier-command.ts';
import { patientClient } from '../fixture/patient-client.ts';

/** Its bodies are the number of the request that they answer; every one is fresh for ten minutes. */
async function startNumbering(): Promise<{ url: string } & AsyncDisposable> {
  let requests = 0;
  const server = createServer((request, response) => {
    requests += 1;
    const [, tag = ''] = request.url?.split('/') ?? [];
    response.writeHead(200, { 'cache-control': 'max-age=600', 'surrogate-key': `item ${tag}` });
    response.end(String(requests));
  });
  const port = await listenOnLoopback(server);
  return {
    url: `http://127.0.0.1:${port}`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

interface Cluster extends AsyncDisposable {
  readonly mesh: Mesh;
  readonly url: string;
  /** What a proxy answers, and whether out of its own memory. */
  ask(proxy: number, path: string): Promise<{ body: string; isNear: boolean }>;
  /** Settles when both proxies answer a path out of their own memory, for longer than an answer could vouch for itself. */
  hold(path: string): Promise<void>;
  purge(server: number, ...args: string[]): Promise<void>;
}

/** So long that what is near goes only when the proxy is told so. */
const TRUSTING = { nearTrustMs: '60s' };
/** They are to stop within a second; a timing decides no test, and a busy machine may stop any process for longer than that. */
const STOP_WITHIN_MS = 10_000;

interface ClusterOptions {
  readonly hasLinks?: boolean;
  readonly proxy?: { readonly nearTrustMs: string };
  readonly limits?: Partial<typeof IMPATIENT>;
}

async function startCluster({
  hasLinks = false,
  proxy = TRUSTING,
  limits = {},
}: ClusterOptions = {}): Promise<Cluster> {
  await using starting = new AsyncDisposableStack();
  const { url } = starting.use(await startNumbering());
  const config = { upstreams: { numbers: { url } }, proxy, limits };
  const mesh = starting.use(await startMesh({ store: 'redis', servers: 2, proxies: 2, hasLinks, config }));
  const parts = starting.move();
  const ask = async (proxy: number, path: string): ReturnType<Cluster['ask']> => {
    const { body, headers } = await curl(url + path, mesh.proxyUrl(proxy));
    return { body: body.toString(), isNear: /pannier-proxy; hit/.test(String(headers['cache-status'])) };
  };
  return {
    mesh,
    url,
    ask,
    async hold(path) {
      const firstMs = performance.now();
      for (const proxy of [0, 1]) await ask(proxy, path);
      await eventually(async () => {
        expect(performance.now() - firstMs).toBeGreaterThan(1500);
        for (const proxy of [0, 1]) expect(await ask(proxy, path)).toMatchObject({ isNear: true });
      });
    },
    async purge(server, ...args) {
      const { code, err } = await pannier(['purge', '-s', mesh.serverAddress(server), ...args]);
      expect({ code, err }).toMatchObject({ code: 0 });
    },
    [Symbol.asyncDispose]: async () => await parts.disposeAsync(),
  };
}

/** Settles when no proxy answers that any more, with the milliseconds that this took. */
async function stops(
  { ask }: Cluster,
  { path, old, withinMs = STOP_WITHIN_MS }: { path: string; old: string; withinMs?: number },
): Promise<number> {
  const sinceMs = performance.now();
  await eventually(async () => {
    for (const proxy of [0, 1]) expect((await ask(proxy, path)).body).not.toBe(old);
  }, withinMs);
  return Math.round(performance.now() - sinceMs);
}

it.each<[string, (url: string) => Invalidation]>([
  ['a tag', () => ({ tag: 'cities' })],
  ['an upstream', () => ({ scope: 'numbers' })],
  ['a prefix', (url) => ({ prefix: `${url}/cit` })],
])(
  'proxies are told to stop serving what a purge by %s names, and then keep what is new',
  async (_what, named) => {
    await using cluster = await startCluster();
    await cluster.hold('/cities/1');
    const before = await cluster.ask(0, '/cities/1');
    using client = patientClient(cluster.mesh.serverAddress(0));
    await client.invalidate(named(cluster.url));
    const tookMs = await stops(cluster, { path: '/cities/1', old: before.body });
    console.info(`both proxies had stopped ${tookMs} ms after the acknowledgement`);
    // One fetch for both, and near again.
    expect((await cluster.ask(0, '/cities/1')).body).toBe((await cluster.ask(1, '/cities/1')).body);
    await cluster.hold('/cities/1');
  },
);

it('what a purge does not name stays in the memory of the proxies', async () => {
  await using cluster = await startCluster();
  await cluster.hold('/towns/1');
  const before = await cluster.ask(0, '/towns/1');
  await cluster.purge(1, '--tag', 'cities', `${cluster.url}/towns/2`, '--prefix', `${cluster.url}/cities`);
  await cluster.hold('/towns/1');
  expect(await cluster.ask(0, '/towns/1')).toEqual(before);
  await cluster.purge(1, '--prefix', `${cluster.url}/tow`);
  await stops(cluster, { path: '/towns/1', old: before.body });
});

/** What ends the serving while nobody tells: what a proxy was told later, or its distrust of the silence. */
const ENDED_BY = [
  // A stream counts as silent after two seconds.
  ['hears what it missed', { proxy: TRUSTING, withinMs: 3 * STOP_WITHIN_MS }],
  ['trusts the silence no longer', { proxy: { nearTrustMs: '1s' }, withinMs: STOP_WITHIN_MS }],
] as const;

it.each(ENDED_BY.flatMap(([how, options]) => [0, 1].map((hung) => [how, hung, options] as const)))(
  'while the server that tells a proxy hangs it asks another and %s: server %i',
  async (_how, hung, { proxy, withinMs }) => {
    await using cluster = await startCluster({ proxy, limits: IMPATIENT });
    const { mesh } = cluster;
    await cluster.hold('/cities/1');
    const before = await cluster.ask(0, '/cities/1');
    await mesh.stop(hung);
    const other = 1 - hung;
    await cluster.purge(other, '--tag', 'cities');
    await stops(cluster, { path: '/cities/1', old: before.body, withinMs });
    // The watch has moved, and near hits are back.
    await cluster.hold('/cities/1');
    mesh.cont(hung);
    await cluster.hold('/cities/1');
  },
);

it.each(ENDED_BY)(
  'a proxy whose connections are cut again and again while something is purged %s',
  async (_how, { proxy, withinMs }) => {
    await using cluster = await startCluster({ hasLinks: true, proxy });
    const { mesh } = cluster;
    await cluster.hold('/cities/1');
    const before = await cluster.ask(0, '/cities/1');
    const purged = cluster.purge(0, '--tag', 'cities');
    const isPurged = purged.then(() => true);
    while (!(await Promise.race([isPurged, delay(50, false)]))) for (const server of [0, 1]) mesh.cut(server);
    for (const server of [0, 1]) mesh.cut(server);
    await stops(cluster, { path: '/cities/1', old: before.body, withinMs });
    await cluster.hold('/cities/1');
  },
);
