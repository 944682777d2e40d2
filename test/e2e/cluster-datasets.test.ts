/** One cut for several servers over a real Redis, and what becomes of it when the server that cuts dies or hangs. */
import type { ServerResponse } from 'node:http';
import { connect } from '@pannier/client';
import type { PannierClient } from '@pannier/client';
import { expect, it } from 'vitest';
import { eventually } from '../fixture/eventually.ts';
import { startMesh } from '../fixture/mesh.ts';
import type { Mesh } from '../fixture/mesh.ts';
import { sumOfMetric } from '../fixture/metrics-page.ts';
import { countsOf, stopsOf } from '../fixture/server-counts.ts';
import { startFileUpstream } from './file-upstream.ts';
import type { FileUpstream } from './file-upstream.ts';

/** Several processes start for each test, on a machine that may be busy with other things. */
const TIMEOUT_MS = 180_000;
const READERS = 20;
const RECORDS = 20_000;
/** A busy machine may be silent for longer than a server should be. */
const PATIENT = { ackTimeoutMs: 20_000, connectTimeoutMs: 20_000, deadlineMs: 120_000, nearCacheBytesMax: 0 };

interface Cluster extends AsyncDisposable {
  readonly upstream: FileUpstream;
  readonly mesh: Mesh;
  /** One for each server, which knows no other. */
  readonly clients: readonly PannierClient[];
}

async function startCluster(freshS = 1): Promise<Cluster> {
  const parts = new AsyncDisposableStack();
  const upstream = parts.use(await startFileUpstream({ freshS }));
  const places = { upstream: 'files', endpoint: '/places.json', partitionBy: { field: 'country' } };
  const config = { upstreams: { files: { url: upstream.url } }, datasets: { places } };
  // On a busy machine Redis is slow, which is not to be taken for away.
  const redisSettings = { commandTimeoutMs: '20s' };
  const mesh = parts.use(await startMesh({ store: 'redis', redisSettings, servers: 2, proxies: 0, config }));
  const clients = mesh.servers.map((_, index) => {
    const client = connect(mesh.serverAddress(index), PATIENT);
    parts.defer(() => client.close());
    return client;
  });
  return { upstream, mesh, clients, [Symbol.asyncDispose]: async () => await parts.disposeAsync() };
}

function document(edition: number): string {
  const rows = Array.from({ length: RECORDS }, (_none, id) => ({ id, country: `C${id % 20}`, edition }));
  return JSON.stringify(rows);
}

/** Reads all; a record twice or of two editions is wrong. */
async function editionRead(client: PannierClient): Promise<unknown> {
  const ids = new Set<unknown>();
  const editions = new Set<unknown>();
  for await (const row of client.dataset('places').records()) {
    const { id, edition } = row as { id: number; edition: number };
    ids.add(id);
    editions.add(edition);
  }
  expect([ids.size, editions.size]).toEqual([RECORDS, 1]);
  return [...editions][0];
}

async function readByAll({ clients }: Cluster): Promise<Set<unknown>> {
  const readers = Array.from({ length: READERS }, async (_none, index) => {
    const client = clients[index % clients.length];
    return client === undefined ? undefined : await editionRead(client);
  });
  return new Set(await Promise.all(readers));
}

const cuts = ({ mesh }: Cluster): number[] =>
  mesh.servers.map(({ log }) => log.filter((line) => line.includes('"dataset cut"')).length);
const total = (counts: readonly number[]): number => counts.reduce((sum, count) => sum + count, 0);

/** What a server that does not run for seconds costs: leases that end before their time, which the servers count. */
async function stops({ mesh }: Cluster): Promise<number> {
  const superseded = mesh.servers.map(
    async (server) => await sumOfMetric(server, 'pannier_server_datasets_total', { what: 'superseded' }),
  );
  return stopsOf(await countsOf(mesh.servers)) + total(await Promise.all(superseded));
}

/** So many fetches and cuts. On a machine that is so busy that leases end before their time, each of them may cost one more. */
async function expectEach(cluster: Cluster, count: number): Promise<void> {
  const most = count + (await stops(cluster));
  for (const counted of [cluster.upstream.counts.get('/places.json') ?? 0, total(cuts(cluster))]) {
    expect(counted).toBeGreaterThanOrEqual(count);
    expect(counted).toBeLessThanOrEqual(most);
  }
}

/** Sends half of a document, and the rest when it is let. */
function putHeld({ upstream }: Cluster, body: string): { asked: Promise<void>; letGo: () => void } {
  const asked = Promise.withResolvers<void>();
  const held: (() => void)[] = [];
  let isHeld = true;
  upstream.put('/places.json', (_request, response: ServerResponse) => {
    upstream.counts.set('/places.json', (upstream.counts.get('/places.json') ?? 0) + 1);
    response.writeHead(200, { 'content-length': Buffer.byteLength(body), 'cache-control': 'max-age=1' });
    response.write(body.slice(0, body.length / 2));
    const finish = (): void => void response.end(body.slice(body.length / 2));
    if (isHeld) held.push(finish);
    else finish();
    asked.resolve();
  });
  const letGo = (): void => {
    isHeld = false;
    for (const finish of held) finish();
  };
  return { asked: asked.promise, letGo };
}

/** Whether a server follows the fetch of another one: its reader is there. */
async function isFollowing(mesh: Mesh, server: number): Promise<boolean> {
  const text = await (await fetch(`http://${mesh.servers[server]?.listening['admin']}/metrics`)).text();
  return /^pannier_server_flight_roles_total\{role="follower"\} [1-9]/m.test(text);
}

/** Names of the leases by which servers take turns. */
async function leases({ mesh }: Cluster): Promise<string[]> {
  const names = (await mesh.redis?.command('KEYS', '*:lease:{*dataset:places*')) as Buffer[];
  return names.map(String);
}

it(
  'cold readers of two servers cost one fetch and one cut, and those of a changed document one more',
  { timeout: TIMEOUT_MS },
  async () => {
    // As long as a busy machine takes from the first reader to the last: who came later would ask for what is stale, and not yet stored.
    await using cluster = await startCluster(10);
    const { upstream } = cluster;
    upstream.put('/places.json', document(1));
    expect(await readByAll(cluster)).toEqual(new Set([1]));
    // What a server logs comes a moment after what it answers.
    await eventually(async () => await expectEach(cluster, 1));

    upstream.put('/places.json', document(2));
    await eventually(async () => expect(await readByAll(cluster)).toEqual(new Set([2])));
    await eventually(async () => await expectEach(cluster, 2));
    expect(await cluster.clients[0]?.admin.versions('places')).toHaveLength(2);
    await eventually(async () => expect(await leases(cluster)).toEqual([]));
  },
);

it.each(['killed', 'stopped'] as const)(
  'when the server that cuts is %s the other one goes on, and its readers get all of one version',
  { timeout: TIMEOUT_MS },
  async (end) => {
    await using cluster = await startCluster();
    const { mesh, clients, upstream } = cluster;
    const [first, second] = clients;
    if (first === undefined || second === undefined) throw new Error('there are two');
    const { asked, letGo } = putHeld(cluster, document(1));
    const broken = editionRead(first).catch((error: unknown) => error);
    await asked;
    await eventually(async () => expect(await leases(cluster)).toHaveLength(1));
    const reading = editionRead(second);
    await eventually(async () => expect(await isFollowing(mesh, 1)).toBe(true));
    await (end === 'killed' ? mesh.kill9(0) : mesh.stop(0));
    letGo();
    expect(await reading).toBe(1);
    await eventually(() => expect(cuts(cluster)).toEqual([0, 1]));
    if (end === 'killed') return;

    // While it hangs there is something newer; what it has in hand is not published over that.
    upstream.put('/places.json', document(2));
    await eventually(async () => expect(await editionRead(second)).toBe(2));
    mesh.cont(0);
    await broken;
    await eventually(async () => expect(await editionRead(first)).toBe(2));
    expect(await editionRead(second)).toBe(2);
    const versions = await second.admin.versions('places');
    expect(versions.map(({ current }) => current)).toEqual([true, false]);
  },
);
