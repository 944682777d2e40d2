import { createHash } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { curl, curlHead } from '../fixture/curl.ts';
import { eventually } from '../fixture/eventually.ts';
import { startMesh } from '../fixture/mesh.ts';
import type { Mesh } from '../fixture/mesh.ts';
import { sumOfMetric } from '../fixture/metrics-page.ts';
import { openSealed } from '../fixture/sealed-body.ts';
import { startSealedUpstream } from '../fixture/sealed-upstream.ts';
import { STORES } from './stores.ts';

const SIZE = '50MB';
/** On a machine that is busy with other things. */
const TIMEOUT_MS = 180_000;
/** A busy machine may be silent for longer than a server should be. */
const PATIENT = { ackTimeoutMs: '10s', heartbeatMs: '5s' };

async function readSlowly(url: string, proxyUrl: string, onHalf: () => void): Promise<string> {
  const response = await curlHead(url, proxyUrl);
  const hash = createHash('sha256');
  let bytes = 0;
  for await (const chunk of response) {
    hash.update(chunk as Buffer);
    bytes += (chunk as Buffer).length;
    if (bytes > 5_000_000) onHalf();
    await delay(1);
  }
  return hash.digest('hex');
}

async function resumedBy({ proxies: [proxy] }: Mesh): Promise<number> {
  if (proxy === undefined) throw new Error('no proxy');
  return await sumOfMetric(proxy, 'pannier_proxy_bodies_resumed_total');
}

it.each(STORES)(
  'finishes large bodies when the cache server on the %s store is killed, and uses it again after its return',
  async (store) => {
    await using mesh = await startMesh({ store });
    const url = (seed: number): string => `${mesh.upstream.url}/generated/${SIZE}?maxAge=60&seed=${seed}`;
    const seeds = [1, 2, 3];
    const whole = await Promise.all(seeds.map(async (seed) => (await curl(url(seed))).sha256));
    const half = Promise.withResolvers<void>();
    const readers = seeds.map(async (seed) => await readSlowly(url(seed), mesh.proxyUrl(), half.resolve));
    const settled = Promise.allSettled(readers);
    await half.promise;
    await mesh.server.kill9();

    // Every new request succeeds while the server is away.
    const direct = await curl(`${mesh.upstream.url}/small?id=1`);
    for (let request = 0; request < 20; request += 1) {
      const answer = await curl(`${mesh.upstream.url}/small?id=1`, mesh.proxyUrl());
      expect(answer.status).toBe(200);
      expect(answer.sha256).toBe(direct.sha256);
    }
    // The upstream names each version by a strong ETag, so that each body is finished.
    expect(await settled).toEqual(whole.map((value) => ({ status: 'fulfilled', value })));
    expect(await resumedBy(mesh)).toBeGreaterThan(0);

    await mesh.server.restart();
    await eventually(async () => {
      const id = Math.random();
      await curl(`${mesh.upstream.url}/small?id=${id}`, mesh.proxyUrl());
      const again = await curl(`${mesh.upstream.url}/small?id=${id}`, mesh.proxyUrl());
      expect(again.headers['cache-status']).toMatch(/pannier-(server|proxy); hit/);
      const other = await curl(`${mesh.upstream.url}/small?id=${Math.random()}`, mesh.proxyUrl());
      expect(other.headers['cache-status']).toContain('pannier-server');
    });
  },
  TIMEOUT_MS,
);

it(
  'of two servers the one that sends a body is killed in its middle, and the rest comes from the other, not from the upstream',
  async () => {
    await using mesh = await startMesh({ store: 'redis', servers: 2, config: { limits: PATIENT } });
    const url = `${mesh.upstream.url}/generated/${SIZE}?maxAge=3600`;
    const whole = await curl(url);
    await eventually(async () => {
      const { headers } = await curl(url, mesh.proxyUrl());
      expect(headers['cache-status']).toContain('pannier-server; hit');
    }, TIMEOUT_MS / 3);
    const before = mesh.upstream.stats().total;
    const answered = async (): Promise<number[]> =>
      await Promise.all(
        mesh.servers.map(async (server) => await sumOfMetric(server, 'pannier_server_lookups_total')),
      );
    const earlier = await answered();
    // Far more than all the buffers on the way is still to come when nothing is read but the head.
    const response = await curlHead(url, mesh.proxyUrl());
    const asked = (await answered()).map((count, index) => count - (earlier[index] ?? 0));
    expect(asked).toContain(0);
    expect(asked).toContain(1);
    const sender = asked.indexOf(1);
    const other = mesh.servers[1 - sender] ?? mesh.server;
    const framesRead = async (): Promise<number> =>
      await sumOfMetric(other, 'pannier_server_store_hits_total', { what: 'frame' });
    const framesBefore = await framesRead();
    await mesh.kill9(sender);
    const hash = createHash('sha256');
    for await (const chunk of response) hash.update(chunk as Buffer);
    expect(hash.digest('hex')).toBe(whole.sha256);
    expect(mesh.upstream.stats().total).toBe(before);
    expect(await resumedBy(mesh)).toBe(0);
    // It is no new request there: the ticket of the dead server is good at the other one.
    expect(await framesRead()).toBeGreaterThan(framesBefore);
    expect(await sumOfMetric(other, 'pannier_server_lookups_total')).toBe(earlier[1 - sender]);
  },
  TIMEOUT_MS,
);

const BYTES = 3_000_000;
const TARGET = `/${BYTES}/resumed`;

it.each([
  ['a part of the new version', true],
  ['the whole new version', false],
])(
  'a body whose content changes before the rest is asked for breaks off visibly, where the upstream sends %s',
  async (_what, ignoresIfRange) => {
    await using upstream = await startSealedUpstream({ ignoresIfRange });
    const config = {
      upstreams: { sealed: { url: upstream.url } },
      proxy: { nearCacheBytesMax: 0 },
      limits: PATIENT,
    };
    await using mesh = await startMesh({ config });
    /** Gives its client half a body, and kills the server. */
    const killed = async (target: string, publish: () => void): Promise<Buffer> => {
      upstream.reset();
      upstream.holdBodiesAt(BYTES / 2);
      const response = await curlHead(`${upstream.url}${target}`, mesh.proxyUrl());
      expect(response.headers['cache-status']).toContain('pannier-server');
      const chunks: Buffer[] = [];
      let bytes = 0;
      let isKilled = false;
      for await (const chunk of response) {
        chunks.push(chunk as Buffer);
        bytes += (chunk as Buffer).length;
        if (bytes < BYTES / 4 || isKilled) continue;
        isKilled = true;
        publish();
        await mesh.server.kill9();
        upstream.release();
      }
      return Buffer.concat(chunks);
    };
    // As long as the content is the same, the rest is appended.
    expect(openSealed(TARGET, await killed(TARGET, () => undefined))).toBe(1);
    expect(upstream).toMatchObject({ ranges: 1, parts: 1 });
    expect(await resumedBy(mesh)).toBe(1);

    await mesh.server.restart();
    await eventually(async () => {
      const { headers } = await curl(`${upstream.url}/600/back`, mesh.proxyUrl());
      expect(headers['cache-status']).toContain('pannier-server');
    });
    const other = `${TARGET}/changed`;
    await expect(killed(other, () => upstream.publish())).rejects.toThrow(
      /aborted|socket hang up|ECONNRESET/,
    );
    expect(upstream).toMatchObject({ ranges: 1, parts: ignoresIfRange ? 1 : 0 });
    expect(await resumedBy(mesh)).toBe(1);
  },
  TIMEOUT_MS,
);
