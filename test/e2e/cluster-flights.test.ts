/** One fetch for several servers over a real Redis, and what becomes of it when that goes. */
import { once } from 'node:events';
import { Agent } from 'node:http';
import { expect, it } from 'vitest';
import { curl, curlHead } from '../fixture/curl.ts';
import { startMesh } from '../fixture/mesh.ts';
import type { MeshOptions } from '../fixture/mesh.ts';
import { countsOf, stopsOf } from '../fixture/server-counts.ts';

const CLIENTS = 300;
/** Three servers, each with callers of its own. On a busy machine a moment of silence is no sign of death, neither of a server nor of Redis. */
const CLUSTER: MeshOptions = {
  store: 'redis',
  redisSettings: { commandTimeoutMs: '20s' },
  servers: 3,
  proxies: 3,
  isPinned: true,
  config: { proxy: { nearCacheBytesMax: 0 }, limits: { ackTimeoutMs: '10s', heartbeatMs: '5s' } },
};

it('300 cold clients of three servers cost one fetch, and all get the same bytes', async () => {
  await using mesh = await startMesh(CLUSTER);
  const url = `${mesh.upstream.url}/generated/2MiB?maxAge=60&latencyMs=1000`;
  const direct = await curl(url);
  mesh.upstream.resetStats();
  const agent = new Agent({ maxSockets: CLIENTS });
  const answers = await Promise.all(
    Array.from(
      { length: CLIENTS },
      async (_, client) => await curl(url, mesh.proxyUrl(client % 3), { agent }),
    ),
  );
  agent.destroy();
  expect(new Set(answers.map(({ sha256 }) => sha256))).toEqual(new Set([direct.sha256]));
  // On a machine that is so busy that leases end before their time, which the servers count, each of them may cost one more.
  expect(mesh.upstream.stats().total).toBeLessThanOrEqual(1 + stopsOf(await countsOf(mesh.servers)));
  // Others are told that they did not cause it.
  const status = answers.map(({ headers }) => String(headers['cache-status']));
  expect(status.filter((one) => /pannier-server[^,]*collapsed/.test(one)).length).toBeGreaterThan(0);
});

it('a slow upstream reaches the client of another server with its first bytes', async () => {
  await using mesh = await startMesh(CLUSTER);
  const url = `${mesh.upstream.url}/generated/200KB?bytesPerSecond=10000&maxAge=60`;
  const leading = await curlHead(url, mesh.proxyUrl(0));
  await once(leading, 'data');
  const following = await curlHead(url, mesh.proxyUrl(1));
  await once(following, 'data');
  const { total, bytesSent } = mesh.upstream.stats();
  expect(total).toBe(1);
  expect(bytesSent).toBeLessThan(150_000);
  for (const response of [leading, following]) response.destroy();
});

it('when control is killed in the middle of a body, everybody still gets all of theirs', async () => {
  await using mesh = await startMesh({ ...CLUSTER, hasControl: true });
  const url = `${mesh.upstream.url}/generated/1MiB?bytesPerSecond=200000&maxAge=60`;
  const direct = await curl(`${mesh.upstream.url}/generated/1MiB`);
  const early = [0, 1, 2].map(async (proxy) => await curl(url, mesh.proxyUrl(proxy)));
  const started = await curlHead(url, mesh.proxyUrl(0));
  await once(started, 'data');
  started.destroy();
  await mesh.control?.kill9();
  const late = [0, 1, 2].map(async (proxy) => await curl(url, mesh.proxyUrl(proxy)));
  for (const { status, sha256 } of await Promise.all([...early, ...late]))
    expect({ status, sha256 }).toEqual({ status: 200, sha256: direct.sha256 });
});
