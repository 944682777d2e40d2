/** What happens to those who follow a flight on other servers when the server that runs it dies or hangs. */
import type { PannierClient } from '@pannier/client';
import { expect, it } from 'vitest';
import { curl, curlHead } from '../fixture/curl.ts';
import { eventually } from '../fixture/eventually.ts';
import { startMesh } from '../fixture/mesh.ts';
import type { Mesh, MeshOptions } from '../fixture/mesh.ts';
import { patientClient } from '../fixture/patient-client.ts';
import { pinnedClient } from '../fixture/pinned-clients.ts';
import { openSealed } from '../fixture/sealed-body.ts';
import { startSealedUpstream } from '../fixture/sealed-upstream.ts';
import type { SealedUpstream } from '../fixture/sealed-upstream.ts';
import { countsOf, sumOf } from '../fixture/server-counts.ts';

/** Half of it is one partition, and bytes that are none yet. */
const BYTES = 1_500_000;
const TARGET = `/${BYTES}/led`;
const FOLLOWERS = 100;
/** On a machine that is busy with other things. */
const TIMEOUT_MS = 180_000;

/** One client: the version of its whole body, or `broken` where it saw that it was none. */
type Reading = Promise<number | 'broken'>;

interface Cluster extends AsyncDisposable {
  readonly upstream: SealedUpstream;
  readonly mesh: Mesh;
  /** By turns they know the second server alone, and the third. */
  readonly followers: readonly PannierClient[];
}

/** Three servers, a proxy before each of them that knows no other, and a hundred clients of the last two. */
async function startCluster(): Promise<Cluster> {
  const parts = new AsyncDisposableStack();
  const upstream = parts.use(await startSealedUpstream());
  const config = {
    upstreams: { sealed: { url: upstream.url } },
    proxy: { nearCacheBytesMax: 0 },
    // On a busy machine servers are silent for longer than they should be, and Redis is slow, which is not to be taken for away.
    limits: { ackTimeoutMs: '10s', heartbeatMs: '5s' },
  };
  const options: MeshOptions = {
    store: 'redis',
    servers: 3,
    proxies: 3,
    isPinned: true,
    redisSettings: { commandTimeoutMs: '20s' },
    config,
  };
  const mesh = parts.use(await startMesh(options));
  const followers = Array.from({ length: FOLLOWERS }, (_, index) =>
    parts.use(pinnedClient(mesh.serverAddress(1 + (index % 2)))),
  );
  return { upstream, mesh, followers, [Symbol.asyncDispose]: async () => await parts.disposeAsync() };
}

/** A response whose body is not read yet. */
interface Begun {
  readonly status: number | undefined;
  readonly chunks: AsyncIterable<Uint8Array>;
}

/** Reads to the end; a wrong body that passes for whole is the only thing that is thrown. */
async function readAll(begin: Promise<Begun>, onBytes?: (bytes: number) => void): Reading {
  const parts: Uint8Array[] = [];
  let bytes = 0;
  try {
    const { status, chunks } = await begin;
    for await (const chunk of chunks) {
      parts.push(chunk);
      bytes += chunk.length;
      onBytes?.(bytes);
    }
    if (status !== 200) return 'broken';
  } catch (error) {
    if (error instanceof Error) return 'broken';
    throw error;
  }
  return openSealed(TARGET, Buffer.concat(parts));
}

/** A client of a proxy, which would ask once for several of them. */
async function read({ upstream, mesh }: Cluster, proxy: number, onBytes?: (bytes: number) => void): Reading {
  const begin = async (): Promise<Begun> => {
    const response = await curlHead(`${upstream.url}${TARGET}`, mesh.proxyUrl(proxy));
    return { status: response.statusCode, chunks: response };
  };
  return await readAll(begin(), onBytes);
}

/** A client of a server: a reader of its own there. */
async function readDirectly(url: string, client: PannierClient, onBytes: (bytes: number) => void): Reading {
  const begin = async (): Promise<Begun> => {
    const { status, body } = await client.fetch(url);
    if (body === null) throw new Error('a response without a body');
    return { status, chunks: body };
  };
  return await readAll(begin(), onBytes);
}

/** Whoever ends before the upstream went on did not follow. */
async function firstToEnd(followers: readonly Reading[]): Promise<never> {
  throw new Error(`a follower ended too soon, with ${await Promise.race(followers)}`);
}

/** The first client, whose server leads, and a hundred at the other two, which follow; all have some of the body when the upstream stops in its middle. */
async function followed(cluster: Cluster): Promise<{ first: Reading; followers: Reading[] }> {
  cluster.upstream.holdBodiesAt(BYTES / 2);
  const started = Promise.withResolvers<void>();
  const first = read(cluster, 0, () => started.resolve());
  await started.promise;
  let reading = 0;
  const all = Promise.withResolvers<void>();
  const followers = cluster.followers.map(async (client) => {
    let isCounted = false;
    return await readDirectly(`${cluster.upstream.url}${TARGET}`, client, (bytes) => {
      if (isCounted || bytes < BYTES / 4) return;
      isCounted = true;
      reading += 1;
      if (reading === FOLLOWERS) all.resolve();
    });
  });
  await Promise.race([all.promise, firstToEnd(followers)]);
  const counts = await countsOf(cluster.mesh.servers);
  const [leading, ...following] = counts.map(({ leader, follower, waiting }) => ({
    leads: leader > 0,
    follows: follower > 0,
    waiting,
  }));
  expect(leading).toMatchObject({ leads: true, follows: false });
  const behind = { leads: false, follows: true, waiting: FOLLOWERS / 2 };
  expect(following).toEqual([behind, behind]);
  return { first, followers };
}

/** Of the servers that are left one took over what the dead one led. */
async function expectTakeover({ mesh }: Cluster): Promise<void> {
  expect(sumOf(await countsOf(mesh.servers.slice(1)), 'takeover')).toBe(1);
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
    await expectTakeover(cluster);
    expect([1, 'broken']).toContain(await first);
    // The proxy before the dead server finishes its client's body by a range.
    expect((upstream.asked.get(TARGET) ?? 0) - upstream.parts).toBeLessThanOrEqual(2);
    expect(upstream.parts).toBeLessThanOrEqual(1);
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
    await expectTakeover(cluster);
    expect((upstream.asked.get(TARGET) ?? 0) - upstream.ranges).toBeLessThanOrEqual(2);
    // The proxy before the dead server wanted the rest of what is no more: it reads nothing of the whole that it is offered.
    expect(upstream.parts).toBe(0);
    expect(upstream.ranges).toBeLessThanOrEqual(1);
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
    });
    mesh.cont(0);
    expect([1, 2, 'broken']).toContain(await first);
    using late = patientClient(mesh.serverAddress(0));
    await eventually(async () => expect((await late.admin.stats()).flights).toBe(0));
    for (const proxy of [0, 1, 2]) expect(await read(cluster, proxy)).toBe(2);
  },
  TIMEOUT_MS,
);
