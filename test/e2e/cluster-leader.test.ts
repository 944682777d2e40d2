/** What happens to those who follow a flight on other servers when the server that runs it dies or hangs. */
import { connect } from '@pannier/client';
import { expect, it } from 'vitest';
import { curl, curlHead } from '../fixture/curl.ts';
import { eventually } from '../fixture/eventually.ts';
import { startMesh } from '../fixture/mesh.ts';
import type { Mesh } from '../fixture/mesh.ts';
import { openSealed } from '../fixture/sealed-body.ts';
import { startSealedUpstream } from '../fixture/sealed-upstream.ts';
import type { SealedUpstream } from '../fixture/sealed-upstream.ts';

const BYTES = 3_000_000;
const TARGET = `/${BYTES}/led`;
const FOLLOWERS = 100;
/** On a machine that is busy with other things. */
const TIMEOUT_MS = 180_000;

/** One client: the version of its whole body, or `broken` where it saw that it was none. */
type Reading = Promise<number | 'broken'>;

interface Cluster extends AsyncDisposable {
  readonly upstream: SealedUpstream;
  readonly mesh: Mesh;
}

/** Three servers, and a proxy before each of them that knows no other. */
async function startCluster(): Promise<Cluster> {
  const parts = new AsyncDisposableStack();
  const upstream = parts.use(await startSealedUpstream());
  const config = {
    upstreams: { sealed: { url: upstream.url } },
    proxy: { nearCacheBytesMax: 0 },
    // A busy machine may be silent for longer than a server should be.
    limits: { ackTimeoutMs: '10s', heartbeatMs: '5s' },
  };
  const mesh = parts.use(await startMesh({ store: 'redis', servers: 3, proxies: 3, isPinned: true, config }));
  return { upstream, mesh, [Symbol.asyncDispose]: async () => await parts.disposeAsync() };
}

/** Reads to the end; a wrong body that passes for whole is the only thing that is thrown. */
async function read({ upstream, mesh }: Cluster, proxy: number, onBytes?: (bytes: number) => void): Reading {
  const chunks: Buffer[] = [];
  let bytes = 0;
  try {
    const response = await curlHead(`${upstream.url}${TARGET}`, mesh.proxyUrl(proxy));
    for await (const chunk of response) {
      chunks.push(chunk as Buffer);
      bytes += (chunk as Buffer).length;
      onBytes?.(bytes);
    }
    if (response.statusCode !== 200) return 'broken';
  } catch (error) {
    if (error instanceof Error) return 'broken';
    throw error;
  }
  return openSealed(TARGET, Buffer.concat(chunks));
}

/** Whoever ends before the upstream went on did not follow. */
async function firstToEnd(followers: readonly Reading[]): Promise<never> {
  throw new Error(`a follower ended too soon, with ${await Promise.race(followers)}`);
}

/** The first client, whose server leads, and a hundred behind the other two; all have some of the body when the upstream stops in its middle. */
async function followed(cluster: Cluster): Promise<{ first: Reading; followers: Reading[] }> {
  cluster.upstream.holdBodiesAt(BYTES / 2);
  const started = Promise.withResolvers<void>();
  const first = read(cluster, 0, () => started.resolve());
  await started.promise;
  let following = 0;
  const all = Promise.withResolvers<void>();
  const followers = Array.from({ length: FOLLOWERS }, async (_, index) => {
    let isCounted = false;
    return await read(cluster, 1 + (index % 2), (bytes) => {
      if (isCounted || bytes < BYTES / 4) return;
      isCounted = true;
      following += 1;
      if (following === FOLLOWERS) all.resolve();
    });
  });
  await Promise.race([all.promise, firstToEnd(followers)]);
  return { first, followers };
}

it(
  'of 100 followers on two servers nobody gets a wrong body when the leader is killed, and the upstream is asked twice at most',
  async () => {
    await using cluster = await startCluster();
    const { upstream, mesh } = cluster;
    const { first, followers } = await followed(cluster);
    expect(upstream).toMatchObject({ asked: new Map([[TARGET, 1]]), ranges: 0 });
    await mesh.kill9(0);
    upstream.release();
    const versions = await Promise.all(followers);
    expect(versions).toEqual(Array.from({ length: FOLLOWERS }, () => 1));
    expect([1, 'broken']).toContain(await first);
    // The proxy before the dead server finishes its client's body by a range.
    expect((upstream.asked.get(TARGET) ?? 0) - upstream.ranges).toBeLessThanOrEqual(2);
  },
  TIMEOUT_MS,
);

it(
  'when the leader is killed and the content has changed meanwhile, every body is of one version or visibly broken off',
  async () => {
    await using cluster = await startCluster();
    const { upstream, mesh } = cluster;
    const { first, followers } = await followed(cluster);
    upstream.publish();
    await mesh.kill9(0);
    upstream.release();
    for (const version of await Promise.all([first, ...followers]))
      expect([1, 2, 'broken']).toContain(version);
    expect((upstream.asked.get(TARGET) ?? 0) - upstream.ranges).toBeLessThanOrEqual(2);
    await eventually(async () => {
      expect(await read(cluster, 1)).toBe(2);
      expect(await read(cluster, 2)).toBe(2);
    });
  },
  TIMEOUT_MS,
);

it(
  'a leader that hangs past its lease and goes on after a newer version was stored overwrites nothing',
  async () => {
    await using cluster = await startCluster();
    const { upstream, mesh } = cluster;
    upstream.holdBodiesAt(BYTES / 2);
    const started = Promise.withResolvers<void>();
    const first = read(cluster, 0, () => started.resolve());
    await started.promise;
    await mesh.stop(0);
    upstream.publish();
    upstream.release();
    await eventually(async () => {
      expect(await read(cluster, 1)).toBe(2);
      const { headers } = await curl(`${upstream.url}${TARGET}`, mesh.proxyUrl(1));
      expect(headers['cache-status']).toContain('pannier-server; hit');
    }, 30_000);
    mesh.cont(0);
    expect([1, 2, 'broken']).toContain(await first);
    using late = connect(mesh.serverAddress(0));
    await eventually(async () => expect((await late.admin.stats()).flights).toBe(0));
    for (const proxy of [0, 1, 2]) expect(await read(cluster, proxy)).toBe(2);
  },
  TIMEOUT_MS,
);
