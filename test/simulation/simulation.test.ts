/** The short form of `node test/simulation/main.ts`, and that it can fail. */
import { expect, test } from 'vitest';
import { runSchedule } from './schedule.ts';
import type { Sabotage } from './sabotage.ts';

const SCHEDULES = 150;
/** Within so many schedules a rule that does not hold is noticed. */
const NOTICED_WITHIN = 200;

test('every schedule keeps its promises', async () => {
  for (let seed = 1; seed <= SCHEDULES; seed += 1) {
    const { violations, trace } = await runSchedule(seed);
    expect(violations, `seed ${seed}\n${trace.join('\n')}`).toEqual([]);
  }
});

test('a seed is a schedule', async () => {
  const [one, again, other] = [await runSchedule(7), await runSchedule(7), await runSchedule(8)];
  expect(again).toEqual(one);
  expect(other.trace).not.toEqual(one.trace);
});

test.each<Sabotage>(['deaf-log', 'two-leaders', 'no-beat', 'no-fence', 'purge-join'])(
  '%s is noticed',
  async (sabotage) => {
    const found = async (): Promise<readonly string[]> => {
      for (let seed = 1; seed <= NOTICED_WITHIN; seed += 1) {
        const { violations } = await runSchedule(seed, sabotage);
        if (violations.length > 0) return violations;
      }
      return [];
    };
    expect(await found()).not.toEqual([]);
  },
);
