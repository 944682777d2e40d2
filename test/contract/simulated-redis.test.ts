/** What the simulation takes for Redis does what Redis does, as far as these suites can tell. */
import { describe } from 'vitest';
import { seededRandom } from '../simulation/random.ts';
import { SimulatedLog } from '../simulation/simulated-log.ts';
import { SimulatedEntryStore } from '../simulation/simulated-redis.ts';
import { entryStoreContract } from './entry-store-contract.ts';
import { describeInvalidationLog } from './invalidation-log-contract.ts';

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
    async (eventsMax) =>
      await Promise.resolve(
        new SimulatedLog({ time: { nowMs: 1_000_000 }, random: seededRandom(1), eventsMax }),
      ),
  );
});
