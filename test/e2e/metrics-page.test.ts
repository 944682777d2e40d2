import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { startUpstream } from '@pannier/example-upstream';
import { expect, it, onTestFinished } from 'vitest';
import { curl } from '../fixture/curl.ts';
import { eventually } from '../fixture/eventually.ts';
import { startMesh } from '../fixture/mesh.ts';
import type { Mesh } from '../fixture/mesh.ts';
import { patientClient } from '../fixture/patient-client.ts';
import type { PannierProcess } from '../fixture/pannier-process.ts';

const PAGE = readFileSync(fileURLToPath(new URL('../../docs/metrics.md', import.meta.url)), 'utf8');

/** `counter outcome`: type and labels by the name of each metric. */
type Catalogue = Readonly<Record<string, string>>;

function documented(prefix: string): Catalogue {
  const rows = PAGE.matchAll(/^\| `(pannier_\w+)` +\| (\w+) +\| ([^|]*?) +\| [^|]+ \|$/gm);
  const ours = [...rows].filter(([, name = '']) => name.startsWith(prefix));
  return Object.fromEntries(
    ours.map(([, name = '', type = '', labels = '']) => {
      return [name, `${type} ${labels.replaceAll('`', '')}`.trim()] as const;
    }),
  );
}

async function scrape({ listening }: PannierProcess): Promise<string> {
  return await (await fetch(`http://${listening['admin']}/metrics`)).text();
}

function served(text: string): Catalogue {
  const types = [...text.matchAll(/^# TYPE (pannier_\w+) (\w+)$/gm)];
  return Object.fromEntries(
    types.map(([, name = '', type = '']) => {
      const sample = new RegExp(`^${name}${type === 'histogram' ? '_count' : ''}(?:\\{(.*)\\})? `, 'm').exec(
        text,
      );
      if (sample === null) throw new Error(`${name} has no sample here, which would tell its labels`);
      const labels = [...(sample[1] ?? '').matchAll(/(\w+)="/g)].map(([, label = '']) => label);
      return [name, [type, ...labels].join(' ')] as const;
    }),
  );
}

/** A little of everything that is counted only once it has happened. */
async function use(mesh: Mesh): Promise<void> {
  expect((await curl(`${mesh.upstream.url}/small?id=1`, mesh.proxyUrl())).status).toBe(200);
  using client = patientClient(mesh.serverAddress());
  await client.dataset('cities').describe({ deadlineMs: 60_000 });
  await client.invalidate({ tag: 'any' });
}

it('is documented, every metric by its name, type and labels, and nothing else is', async () => {
  const datasets = {
    cities: { upstream: 'demo', endpoint: '/cities.json', partitionBy: { field: 'country' } },
  };
  const careful = await startUpstream();
  onTestFinished(async () => await careful.close());
  const refresh = [{ path: '/small?id=9', every: '1h' }];
  const upstreams = { careful: { url: careful.url, breaker: { failures: 3 }, refresh } };
  await using mesh = await startMesh({ store: 'redis', hasControl: true, config: { datasets, upstreams } });
  // A request that no server answers, so that there is a failure to count.
  await mesh.kill9(0);
  await curl(`${mesh.upstream.url}/small?id=2`, mesh.proxyUrl());
  await mesh.restart(0);
  await eventually(async () => await use(mesh));
  await curl(`${careful.url}/small?id=1`, mesh.proxyUrl());
  const [server, proxy] = [await scrape(mesh.server), await scrape(mesh.proxies[0]!)];
  expect(served(server)).toEqual(documented('pannier_server_'));
  expect(served(proxy)).toEqual(documented('pannier_proxy_'));
});

it('begins at zero for whatever may come of a request, and times the way to its head', async () => {
  await using mesh = await startMesh({
    config: { proxy: { nearCacheBytesMax: '1MiB', nearTrustMs: '60s' } },
  });
  const [proxy] = mesh.proxies;
  expect(await scrape(proxy!)).toContain('pannier_proxy_requests_total{outcome="stale-hit"} 0');
  const url = `${mesh.upstream.url}/small?id=1`;
  for (let round = 0; round < 3; round += 1) await curl(url, mesh.proxyUrl());
  await curl(`${mesh.upstream.url}/small?id=2`, mesh.proxyUrl(), { method: 'POST' });
  const text = await scrape(proxy!);
  const timed = (outcome: string): number =>
    Number(
      new RegExp(`^pannier_proxy_request_seconds_count{outcome="${outcome}"} (\\d+)`, 'm').exec(text)?.[1],
    );
  expect({ miss: timed('miss'), near: timed('near-hit'), post: timed('bypass-method') }).toEqual({
    miss: 1,
    near: 2,
    post: 1,
  });
  const server = await scrape(mesh.server);
  expect(server).toMatch(
    /^pannier_server_upstream_request_seconds_count\{upstream="demo",status="2xx"\} 1$/m,
  );
  expect(server).toMatch(
    /^pannier_server_upstream_request_seconds_count\{upstream="demo",status="5xx"\} 0$/m,
  );
  expect(server).toMatch(/^pannier_server_invalidations_total\{kind="url",mode="soft"\} \d$/m);
  expect(server).toMatch(/^pannier_server_jobs_waiting 0$/m);
});
