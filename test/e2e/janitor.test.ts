import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { connect } from '@pannier/client';
import type { JanitorFinding } from '@pannier/client';
import { startUpstream } from '@pannier/example-upstream';
import type { ConfigInput } from '@pannier/runtime';
import { expect, it } from 'vitest';
import { eventually } from '../fixture/eventually.ts';
import { pannier } from '../fixture/pannier-command.ts';
import { startProcess } from '../fixture/pannier-process.ts';
import type { PannierProcess } from '../fixture/pannier-process.ts';
import { startRedis } from '../fixture/redis-server.ts';
import type { RedisFixture } from '../fixture/redis-server.ts';

const TTL_MS = 6000;
const USE_EVERY_MS = 200;
const TTL = { ttlMs: 3_600_000 };

async function names(redis: RedisFixture, pattern: string): Promise<string[]> {
  return ((await redis.command('KEYS', pattern)) as Buffer[]).map(String).toSorted();
}

it('lists what callers that are gone and datasets that nobody declares left behind, then removes exactly that', async () => {
  await using stack = new AsyncDisposableStack();
  const folder = mkdtempSync(join(tmpdir(), 'pannier-janitor-'));
  stack.defer(() => rmSync(folder, { recursive: true, force: true }));
  const upstream = await startUpstream();
  stack.defer(async () => await upstream.close());
  const redis = stack.use(await startRedis());
  const dataset = { upstream: 'demo', endpoint: '/cities.json' };
  const start = async (name: string, datasets: ConfigInput['datasets']): Promise<PannierProcess> => {
    const file = join(folder, `${name}.yaml`);
    const server = { redis: { url: redis.url }, janitor: { scopeTtlMs: TTL_MS, everyMs: '1h' } };
    // JSON is YAML.
    writeFileSync(file, JSON.stringify({ upstreams: { demo: { url: upstream.url } }, datasets, server }));
    const portFlags = { grpc: '--port', admin: '--admin-port' };
    return stack.use(
      await startProcess({ main: 'cache-server/src/main.ts', args: ['--config', file], portFlags }),
    );
  };
  // Two datasets of one upstream, cut in the same way: they share every partition.
  const byCountry = { ...dataset, partitionBy: { field: 'country' } };
  const old = await start('old', {
    kept: byCountry,
    twin: byCountry,
    gone: { ...dataset, partitionBy: { hash: { field: 'name', buckets: 8 } } },
  });
  {
    using client = connect(old.listening['grpc'] ?? '');
    for (const name of ['kept', 'twin', 'gone']) await client.dataset(name).describe({ deadlineMs: 60_000 });
    using left = connect(old.listening['grpc'] ?? '', { identity: 'team gone: {x}' });
    await left.put('small', Buffer.from('small'), TTL);
    await left.put('large', Buffer.alloc(200_000, 'x'), TTL);
  }
  await old.stop();
  const server = await start('new', { kept: byCountry });
  const address = server.listening['grpc'] ?? '';
  using staying = connect(address, { identity: 'team-stays', nearCacheBytesMax: 0 });
  await eventually(async () => {
    await staying.put('mine', Buffer.alloc(100_000, 'y'), TTL);
    expect(await staying.get('mine')).toBeDefined();
  });
  // Whoever only fetches is in use, too.
  const over = new AbortController();
  const used = (async () => {
    for (; !over.signal.aborted; await sleep(USE_EVERY_MS))
      await (await staying.fetch(`${upstream.url}/small?id=1`)).text();
  })();
  stack.defer(async () => {
    over.abort();
    await used;
  });

  const dryRun = async (): Promise<{ findings: JanitorFinding[]; text: string }> => {
    const json = await pannier(['-s', address, 'janitor', '--dry-run', '--json']);
    const { out } = await pannier(['-s', address, 'janitor', '--dry-run']);
    const lines = json.out.split('\n').filter((line) => line !== '');
    return { findings: lines.map((line) => JSON.parse(line) as JanitorFinding), text: out };
  };
  const before = await names(redis, '*');
  const { findings, text } = await eventually(async () => {
    const found = await dryRun();
    expect(found.findings).toHaveLength(3);
    return found;
  }, 30_000);
  expect(findings.map(({ kind, name, keys }) => ({ kind, name, keys }))).toEqual([
    { kind: 'dataset', name: 'demo/gone', keys: 2 },
    { kind: 'dataset', name: 'demo/twin', keys: 2 },
    { kind: 'scope', name: 'team gone: {x}', keys: 2 },
  ]);
  for (const { storedBytes } of findings) expect(storedBytes).toBeGreaterThan(0);
  expect(text).toContain('demo/gone');
  expect(await names(redis, '*:manifest:*')).toEqual(
    [...before, ...(await names(redis, '*small?id*'))]
      .filter((name) => name.includes(':manifest:'))
      .toSorted(),
  );

  const { code, out } = await pannier(['-s', address, 'janitor']);
  expect(code).toBe(0);
  expect(out).toContain('team gone: {x}');

  const manifests = (await names(redis, '*:manifest:*')).join('\n');
  expect(manifests).not.toMatch(/gone|twin/);
  expect(manifests).toContain('team-stays');
  expect((await names(redis, '*:frame:team*')).length).toBe(1);
  expect((await staying.get('mine'))?.value.byteLength).toBe(100_000);
  // What it shared with a dataset that went is still there.
  let records = 0;
  for await (const _record of staying.dataset('kept').records()) records += 1;
  expect(records).toBe(171_075);
  expect(upstream.stats().byPath['/cities.json']).toBe(1);
  const metrics = await (await fetch(`http://${server.listening['admin']}/metrics`)).text();
  expect(metrics).toContain('pannier_server_janitor_removed_keys_total{kind="scope"} 2');
  expect(metrics).toContain('pannier_server_janitor_removed_keys_total{kind="dataset"} 4');
  expect((await dryRun()).findings).toEqual([]);
}, 120_000);
