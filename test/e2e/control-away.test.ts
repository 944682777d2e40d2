import { expect, it } from 'vitest';
import { curl } from '../fixture/curl.ts';
import { eventually } from '../fixture/eventually.ts';
import { startMesh } from '../fixture/mesh.ts';
import type { Mesh } from '../fixture/mesh.ts';
import { pannier } from '../fixture/pannier-command.ts';

async function apart(): Promise<Mesh> {
  const datasets = {
    cities: { upstream: 'demo', endpoint: '/cities.json', partitionBy: { field: 'country' } },
  };
  return await startMesh({
    store: 'redis',
    hasControl: true,
    config: { datasets, proxy: { nearCacheBytesMax: 0 } },
  });
}

/** What the gauge says of both, after a scrape. */
async function ups({ server }: Mesh): Promise<Record<string, string>> {
  const text = await (await fetch(`http://${server.listening['admin']}/metrics`)).text();
  const found = text.matchAll(/^pannier_server_redis_up\{connection="(\w+)"\} (\d)$/gm);
  return Object.fromEntries(
    [...found].map(([, connection = '', value = '']) => [connection, value] as const),
  );
}

it('says that the Redis for control is away: in stats, in metrics, by the janitor, and in words of what could not be done', async () => {
  await using mesh = await apart();
  const command = async (...args: string[]): ReturnType<typeof pannier> =>
    await pannier(['-s', mesh.serverAddress(), ...args]);
  const url = `${mesh.upstream.url}/small?id=1`;
  await curl(url, mesh.proxyUrl());
  expect((await command('stats')).out).toMatch(/^control +answers$/m);
  expect(await ups(mesh)).toEqual({ data: '1', control: '1' });
  expect(await command('janitor', '--dry-run')).toMatchObject({ code: 0 });

  await mesh.control!.kill9();
  await eventually(async () => expect(await ups(mesh)).toEqual({ data: '1', control: '0' }));
  const stats = await command('stats');
  expect(stats.code).toBe(0);
  expect(stats.out).toMatch(/^store +redis, [\d.]+MiB$/m);
  expect(stats.out).toMatch(/^control +does not answer$/m);
  expect(JSON.parse((await command('stats', '--json')).out)).toMatchObject({ controlAnswers: false });
  for (const args of [['janitor', '--dry-run'], ['janitor'], ['purge', url], ['warm', url]]) {
    const { code, err } = await command(...args);
    expect(code).toBe(1);
    expect(err).toMatch(/^pannier: cannot [a-z ']+: the Redis for control does not answer \(\w+\)/m);
  }
  const listed = await command('ls');
  expect(listed.code).toBe(0);
  expect(await command('dataset', 'ls')).toMatchObject({ code: 0 });
  expect(listed.out).toContain('/small?id=1');

  await mesh.control!.restart();
  await eventually(async () => expect(await ups(mesh)).toEqual({ data: '1', control: '1' }));
  expect((await command('stats')).out).toMatch(/^control +answers$/m);
});

it('says that the Redis for data is away, and purges all the same', async () => {
  await using mesh = await apart();
  const command = async (...args: string[]): ReturnType<typeof pannier> =>
    await pannier(['-s', mesh.serverAddress(), ...args]);
  await mesh.redis!.kill9();
  await eventually(async () => expect(await ups(mesh)).toEqual({ data: '0', control: '1' }));
  const { out } = await command('stats');
  expect(out).toMatch(/^store +redis, does not answer$/m);
  expect(out).toMatch(/^control +answers$/m);
  expect(await command('purge', `${mesh.upstream.url}/small?id=1`)).toMatchObject({ code: 0 });
  expect(await command('warm', `${mesh.upstream.url}/small?id=2`)).toMatchObject({ code: 1 });
  for (const args of [['janitor', '--dry-run'], ['janitor'], ['ls'], ['dataset', 'ls']]) {
    const { code, err } = await command(...args);
    expect(code).toBe(1);
    expect(err).toMatch(/^pannier: cannot [a-z ']+: the Redis for data does not answer \(\w+\)/m);
  }
});

it('tells of a Redis that hangs as of one that is away', async () => {
  await using mesh = await apart();
  await mesh.control!.pause();
  expect(await ups(mesh)).toEqual({ data: '1', control: '0' });
  const { code, err } = await pannier(['-s', mesh.serverAddress(), 'janitor', '--dry-run']);
  expect(code).toBe(1);
  expect(err).toContain('the Redis for control');
  mesh.control!.resume();
  await eventually(async () => expect(await ups(mesh)).toEqual({ data: '1', control: '1' }));
});
