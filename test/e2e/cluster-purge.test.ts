/** Purging in a cluster: two servers over one Redis, two proxies that hold what is purged in their own memory. */
import { createServer } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { curl } from '../fixture/curl.ts';
import { eventually } from '../fixture/eventually.ts';
import { listenOnLoopback } from '../fixture/loopback-port.ts';
import { startMesh } from '../fixture/mesh.ts';
import type { Mesh } from '../fixture/mesh.ts';
import { pannier } from '../fixture/pannier-command.ts';

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

async function startCluster({ hasLinks = false } = {}): Promise<Cluster> {
  await using starting = new AsyncDisposableStack();
  const { url } = starting.use(await startNumbering());
  const config = { upstreams: { numbers: { url } } };
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

it.each([
  ['--tag', 'cities'],
  ['--scope', 'numbers'],
])('proxies stop serving what a purge by %s %s names, and keep the rest', async (...named) => {
  await using cluster = await startCluster();
  await cluster.hold('/cities/1');
  const before = await cluster.ask(0, '/cities/1');
  await cluster.purge(0, ...named);
  await eventually(async () => {
    for (const proxy of [0, 1]) expect((await cluster.ask(proxy, '/cities/1')).body).not.toBe(before.body);
  }, 3000);
  // One fetch for both, and near again.
  expect((await cluster.ask(0, '/cities/1')).body).toBe((await cluster.ask(1, '/cities/1')).body);
  await cluster.hold('/cities/1');
});

it('what a purge does not name stays in the memory of the proxies', async () => {
  await using cluster = await startCluster();
  await cluster.hold('/towns/1');
  const before = await cluster.ask(0, '/towns/1');
  await cluster.purge(1, '--tag', 'cities', `${cluster.url}/towns/2`, '--prefix', `${cluster.url}/cities`);
  await cluster.hold('/towns/1');
  expect(await cluster.ask(0, '/towns/1')).toEqual(before);
  await cluster.purge(1, '--prefix', `${cluster.url}/tow`);
  await eventually(async () => {
    expect((await cluster.ask(0, '/towns/1')).body).not.toBe(before.body);
  }, 3000);
});

it.each([0, 1])(
  'while the server that tells a proxy hangs it asks another, and hears later what it missed: server %i',
  async (hung) => {
    await using cluster = await startCluster();
    const { mesh } = cluster;
    await cluster.hold('/cities/1');
    const before = await cluster.ask(0, '/cities/1');
    await mesh.stop(hung);
    const other = 1 - hung;
    await cluster.purge(other, '--tag', 'cities');
    await eventually(async () => {
      for (const proxy of [0, 1]) expect((await cluster.ask(proxy, '/cities/1')).body).not.toBe(before.body);
    }, 5000);
    // The watch has moved, and near hits are back.
    await cluster.hold('/cities/1');
    mesh.cont(hung);
    await cluster.hold('/cities/1');
  },
);

it('a proxy whose connections are cut again and again hears in the end what was purged meanwhile', async () => {
  await using cluster = await startCluster({ hasLinks: true });
  const { mesh } = cluster;
  await cluster.hold('/cities/1');
  const before = await cluster.ask(0, '/cities/1');
  const purged = cluster.purge(0, '--tag', 'cities');
  const isPurged = purged.then(() => true);
  while (!(await Promise.race([isPurged, delay(50, false)]))) for (const server of [0, 1]) mesh.cut(server);
  for (const server of [0, 1]) mesh.cut(server);
  await eventually(async () => {
    for (const proxy of [0, 1]) expect((await cluster.ask(proxy, '/cities/1')).body).not.toBe(before.body);
  }, 3000);
  await cluster.hold('/cities/1');
});
