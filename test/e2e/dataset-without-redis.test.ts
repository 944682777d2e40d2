/** Datasets while the Redis that keeps their partitions is away: a read ends with an error that says so, or is whole, and never is in part. */
import { connect } from '@pannier/client';
import { expect, it } from 'vitest';
import { eventually } from '../fixture/eventually.ts';
import { startMesh } from '../fixture/mesh.ts';
import { startFileUpstream } from './file-upstream.ts';

const PATIENT = { ackTimeoutMs: 20_000, connectTimeoutMs: 20_000, deadlineMs: 60_000, nearCacheBytesMax: 0 };
const COUNTRIES = 8;
const EACH = 200;

it('a read of what is not in memory fails as such while Redis is away, and works again by itself', async () => {
  await using upstream = await startFileUpstream();
  const rows = Array.from({ length: COUNTRIES * EACH }, (_none, id) => ({
    id,
    country: `C${id % COUNTRIES}`,
  }));
  upstream.put('/places.json', JSON.stringify(rows));
  const places = { upstream: 'files', endpoint: '/places.json', partitionBy: { field: 'country' } };
  await using mesh = await startMesh({
    store: 'redis',
    proxies: 0,
    redisSettings: { memoryTierBytesMax: 0, commandTimeoutMs: '300ms' },
    config: { upstreams: { files: { url: upstream.url } }, datasets: { places } },
  });
  using client = connect(mesh.serverAddress(0), PATIENT);
  const idsOf = async (country: string): Promise<number> => {
    const ids = new Set<unknown>();
    for await (const row of client.dataset('places').records({ country }))
      ids.add((row as { id: number }).id);
    return ids.size;
  };
  await eventually(async () => expect(await idsOf('C0')).toBe(EACH));

  await mesh.redis?.kill9();
  const away = await Promise.allSettled(
    Array.from({ length: COUNTRIES }, async (_none, one) => await idsOf(`C${one}`)),
  );
  const failures = away.flatMap((one) => (one.status === 'rejected' ? [one.reason as { code: string }] : []));
  expect(failures.length).toBeGreaterThan(0);
  for (const { code } of failures) expect(code).toBe('store');
  for (const one of away) if (one.status === 'fulfilled') expect(one.value).toBe(EACH);

  await mesh.redis?.restart();
  // A Redis that was killed without a file is empty: the dataset is cut anew.
  for (let one = 0; one < COUNTRIES; one += 1)
    await eventually(async () => expect(await idsOf(`C${one}`)).toBe(EACH), 30_000);
});
