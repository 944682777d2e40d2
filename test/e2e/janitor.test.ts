import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { JanitorFinding, PannierClient } from '@pannier/client';
import { startUpstream } from '@pannier/example-upstream';
import type { Upstream } from '@pannier/example-upstream';
import type { ConfigInput } from '@pannier/runtime';
import { expect, it } from 'vitest';
import { eventually } from '../fixture/eventually.ts';
import { pannier } from '../fixture/pannier-command.ts';
import { patientClient } from '../fixture/patient-client.ts';
import { startProcess } from '../fixture/pannier-process.ts';
import type { PannierProcess } from '../fixture/pannier-process.ts';
import { startRedis } from '../fixture/redis-server.ts';
import type { RedisFixture } from '../fixture/redis-server.ts';

const TTL_MS = 6000;
const USE_EVERY_MS = 200;
/** A loaded machine is no reason to give up. */
const PATIENCE_MS = 20_000;
const TTL = { ttlMs: 3_600_000 };

async function names(redis: RedisFixture, pattern: string): Promise<string[]> {
  return ((await redis.command('KEYS', pattern)) as Buffer[]).map(String).toSorted();
}

const BY_COUNTRY = {
  upstream: 'demo',
  endpoint: '/cities.json',
  partitionBy: { field: 'country' },
};
const BY_NAME = { ...BY_COUNTRY, partitionBy: { hash: { field: 'name', buckets: 8 } } };

interface House extends AsyncDisposable {
  readonly upstream: Upstream;
  readonly redis: RedisFixture;
  start(datasets: ConfigInput['datasets']): Promise<PannierProcess>;
}

/** An upstream and a Redis, beside which servers of one configuration after the other are started. */
async function openHouse(): Promise<House> {
  await using starting = new AsyncDisposableStack();
  const folder = mkdtempSync(join(tmpdir(), 'pannier-janitor-'));
  starting.defer(() => rmSync(folder, { recursive: true, force: true }));
  const upstream = await startUpstream();
  starting.defer(async () => await upstream.close());
  const redis = starting.use(await startRedis());
  const file = join(folder, 'pannier.yaml');
  const parts = starting.move();
  return {
    upstream,
    redis,
    async start(datasets) {
      const server = { redis: { url: redis.url }, janitor: { scopeTtlMs: TTL_MS, everyMs: '1h' } };
      // JSON is YAML.
      writeFileSync(file, JSON.stringify({ upstreams: { demo: { url: upstream.url } }, datasets, server }));
      const portFlags = { grpc: '--port', admin: '--admin-port' };
      const args = ['--config', file];
      return parts.use(await startProcess({ main: 'cache-server/src/main.ts', args, portFlags }));
    },
    [Symbol.asyncDispose]: async () => await parts.disposeAsync(),
  };
}

/** Two datasets that share every partition, another one, and the objects of a caller. */
async function leaveBehind(house: House): Promise<void> {
  const server = await house.start({ kept: BY_COUNTRY, twin: BY_COUNTRY, gone: BY_NAME });
  using client = patientClient(server.listening['grpc']);
  for (const name of ['kept', 'twin', 'gone']) await client.dataset(name).describe({ deadlineMs: 60_000 });
  using left = patientClient(server.listening['grpc'], { identity: 'team gone: {x}' });
  await left.put('small', Buffer.from('small'), TTL);
  await left.put('large', Buffer.alloc(200_000, 'x'), TTL);
  await server.stop();
}

/** Whoever only fetches is in use, too. */
function fetchOnAndOn(client: PannierClient, url: string): AsyncDisposable {
  const over = new AbortController();
  const fetching = (async () => {
    for (; !over.signal.aborted; await sleep(USE_EVERY_MS)) await (await client.fetch(url)).text();
  })();
  return {
    async [Symbol.asyncDispose]() {
      over.abort();
      await fetching;
    },
  };
}

async function dryRun(address: string): Promise<{ findings: JanitorFinding[]; table: string }> {
  const json = await pannier(['-s', address, 'janitor', '--dry-run', '--json']);
  const { out } = await pannier(['-s', address, 'janitor', '--dry-run']);
  const lines = json.out.split('\n').filter((line) => line !== '');
  return { findings: lines.map((line) => JSON.parse(line) as JanitorFinding), table: out };
}

it('lists what callers that are gone and datasets that nobody declares left behind, then removes exactly that', async () => {
  await using house = await openHouse();
  const { upstream, redis } = house;
  await leaveBehind(house);
  const server = await house.start({ kept: BY_COUNTRY });
  const address = server.listening['grpc'] ?? '';
  using staying = patientClient(address, { identity: 'team-stays', nearCacheBytesMax: 0 });
  await eventually(async () => {
    await staying.put('mine', Buffer.alloc(100_000, 'y'), TTL);
    expect(await staying.get('mine')).toBeDefined();
  });
  await using _used = fetchOnAndOn(staying, `${upstream.url}/small?id=1`);
  await eventually(async () => expect(await names(redis, '*:manifest:*small?id*')).not.toEqual([]));

  const before = await names(redis, '*:manifest:*');
  const { findings, table } = await eventually(async () => {
    const found = await dryRun(address);
    expect(found.findings).toHaveLength(3);
    return found;
  });
  expect(findings.map(({ kind, name, keys }) => ({ kind, name, keys }))).toEqual([
    { kind: 'dataset', name: 'demo/gone', keys: 2 },
    { kind: 'dataset', name: 'demo/twin', keys: 2 },
    { kind: 'scope', name: 'team gone: {x}', keys: 2 },
  ]);
  for (const { storedBytes } of findings) expect(storedBytes).toBeGreaterThan(0);
  expect(table).toContain('demo/gone');
  expect(await names(redis, '*:manifest:*')).toEqual(before);

  const { code, out } = await pannier(['-s', address, 'janitor']);
  expect(code).toBe(0);
  expect(out).toContain('team gone: {x}');

  const after = await names(redis, '*:manifest:*');
  expect(before.filter((name) => !after.includes(name))).toHaveLength(6);
  expect(after.join()).not.toMatch(/gone|twin/);
  // What held the value of the one that went has a grace, of half the time that an owner has.
  await eventually(
    async () => expect(await names(redis, '*:frame:team*')).toHaveLength(1),
    TTL_MS + PATIENCE_MS,
  );
  expect((await staying.get('mine'))?.value.byteLength).toBe(100_000);
  // What it shared with a dataset that went is still there.
  let records = 0;
  for await (const _record of staying.dataset('kept').records()) records += 1;
  expect(records).toBe(171_075);
  expect(upstream.stats().byPath['/cities.json']).toBe(1);
  const metrics = await (await fetch(`http://${server.listening['admin']}/metrics`)).text();
  expect(metrics).toContain('pannier_server_janitor_removed_keys_total{kind="scope"} 2');
  expect(metrics).toContain('pannier_server_janitor_removed_keys_total{kind="dataset"} 4');
  expect((await dryRun(address)).findings).toEqual([]);
});
