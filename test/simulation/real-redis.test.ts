/** Schedules of the simulation in real time over a real Redis, several at once: a simulation that is kinder than Redis would show here. */
import { expect, test } from 'vitest';
import { startRedis } from '../fixture/redis-server.ts';
import { seededRandom } from './random.ts';
import { realStage } from './real-stage.ts';
import { playSchedule } from './schedule.ts';

const SCHEDULES = 8;

test('the same schedules keep the same promises over a real Redis', { timeout: 200_000 }, async () => {
  await using redis = await startRedis();
  const results = await Promise.all(
    Array.from({ length: SCHEDULES }, async (_, seed) => {
      const stage = await realStage(redis.url, `schedule-${seed}`);
      return await playSchedule(seed, { random: seededRandom(seed), stage });
    }),
  );
  for (const { violations, trace, seed } of results)
    expect(violations, `seed ${seed}\n${trace.join('\n')}`).toEqual([]);
  expect(results.reduce((sum, { reads }) => sum + reads, 0)).toBeGreaterThan(SCHEDULES);
});
