/** The short form; `npm run bench -- cluster --full` has 5,000 keys. */
import { expect, it, vi } from 'vitest';
import { coldRestart, CONCURRENCY_MAX } from '../load/cold-restart.ts';

// Several processes start for each test, on a machine that may be busy with other things.
vi.setConfig({ testTimeout: 180_000, hookTimeout: 180_000 });

it('after a restart of everything and an empty Redis, each key costs one fetch, and no more than the cap are under way', async () => {
  const [keys, clientsPerKey] = [200, 20];
  const report = await coldRestart({ keys, clientsPerKey, atOnce: 400 });
  expect(report).toMatchObject({ failures: {}, good: keys * clientsPerKey, keysFetched: keys });
  expect(report.conditional).toBe(0);
  // On a machine that is so busy that leases end before their time, which the servers count, each of them may cost one more.
  expect(report.fetchesAgain).toBeLessThanOrEqual(report.stops);
  if (report.stops === 0) expect(report).toMatchObject({ fetchesPerKeyMax: 1, keysFetchedAgain: 0 });
  // Of each key three clients ask through proxies, and all others are at a server each by themselves.
  expect(report.lookups).toBeGreaterThanOrEqual(keys * (clientsPerKey - 3));
  expect(report.keysFollowed).toBe(5);
  expect(report.followerFlights).toBeGreaterThanOrEqual(2 * report.keysFollowed);
  expect(report.underWayMax).toBeLessThanOrEqual(CONCURRENCY_MAX);
});
