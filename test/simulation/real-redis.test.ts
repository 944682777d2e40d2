/** Schedules of the simulation in real time over a real Redis, several at once: a simulation that is kinder than Redis would show here. */
import { expect, test } from 'vitest';
import { startRedis } from '../fixture/redis-server.ts';
import { seededRandom } from './random.ts';
import { realStage } from './real-stage.ts';
import { playSchedule } from './schedule.ts';

const SCHEDULES = 12;

test('the same schedules keep the same promises over a real Redis', { timeout: 200_000 }, async () => {
  await using redis = await startRedis();
  const results = await Promise.all(
    Array.from({ length: SCHEDULES }, async (_, seed) => {
      const stage = await realStage(redis, `schedule-${seed}-`);
      return await playSchedule(seed, { random: seededRandom(seed), stage });
    }),
  );
  for (const { violations, trace, seed } of results)
    expect(violations, `seed ${seed}\n${trace.join('\n')}`).toEqual([]);
  // Among them are some that lose what Redis had, and what is published is seen.
  expect(results.flatMap(({ faults }) => faults)).toContain('failover');
  expect(
    results.filter(({ trace }) => trace.some((line) => line.includes(': stored version'))).length,
  ).toBeGreaterThan(SCHEDULES / 2);
  expect(results.reduce((sum, { reads }) => sum + reads, 0)).toBeGreaterThan(SCHEDULES);
});
