/** What the simulation takes for Redis does what Redis does, as far as these suites can tell. */
import { describe, it } from 'vitest';
import { SimulatedLeases } from '../simulation/simulated-leases.ts';
import { seededRandom } from '../simulation/random.ts';
import { SimulatedLog } from '../simulation/simulated-log.ts';
import { SimulatedEntryStore } from '../simulation/simulated-redis.ts';
import { entryStoreContract } from './entry-store-contract.ts';
import { describeInvalidationLog } from './invalidation-log-contract.ts';
import { leaseContract } from './lease-contract.ts';

entryStoreContract('the simulated store', async () => {
  const time = { nowMs: 1_000_000 };
  const store = new SimulatedEntryStore(time);
  return await Promise.resolve({
    store,
    elapse: async (ms: number) => {
      time.nowMs += ms;
      await Promise.resolve();
    },
    close: async () => await store.close(),
  });
});

describe('the simulated log', () => {
  describeInvalidationLog(
    async (bounds) =>
      await Promise.resolve(
        new SimulatedLog({ time: { nowMs: 1_000_000 }, random: seededRandom(1), ...bounds }),
      ),
  );
});

describe('the simulated leases', () => {
  it.each(Object.entries(leaseContract))('%s', async (_title, check) => {
    const time = { nowMs: 1_700_000_000_000 };
    // One that never loses a message.
    const random = { ...seededRandom(1), chance: () => false };
    const elapseLease = async (): Promise<void> => await Promise.resolve(void (time.nowMs += 3001));
    await check({ leases: new SimulatedLeases(time, random), elapseLease });
  });
});
