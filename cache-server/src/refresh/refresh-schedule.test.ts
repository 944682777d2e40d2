import { expect, test } from 'vitest';
import { ManualClock } from '../get-entry.fixture.ts';
import type { RefreshClaims } from './refresh-claims.ts';
import { RefreshSchedule } from './refresh-schedule.ts';
import type { RefreshOutcome } from './refresh-schedule.ts';
import { refreshTimes } from './refresh-times.ts';
import type { RefreshRule } from './refresh-times.ts';

const RULE: RefreshRule = { path: '/rates', headers: {}, timeZone: 'UTC', jitter: 0 };

/** Lets all promises of this moment settle. */
async function settled(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
}

class Claims implements RefreshClaims {
  readonly #taken = new Set<string>();
  isAway = false;

  async claim(name: string): Promise<boolean> {
    if (this.isAway) throw new Error('away');
    if (this.#taken.has(name)) return false;
    this.#taken.add(name);
    return true;
  }
}

function schedule(
  rule: Partial<RefreshRule>,
  given: { clock: ManualClock; claims?: RefreshClaims; fetch?: () => Promise<void>; random?: number },
): { outcomes: RefreshOutcome[]; fetchedAt: number[]; close: () => void } {
  const { clock, claims, fetch } = given;
  const outcomes: RefreshOutcome[] = [];
  const fetchedAt: number[] = [];
  const running = new RefreshSchedule({
    rules: [{ upstream: 'api', rule: { ...RULE, ...rule } }],
    clock,
    random: () => given.random ?? 0,
    claims,
    fetch: async () => {
      fetchedAt.push(clock.now());
      await fetch?.();
    },
    onOutcome: (_, outcome) => outcomes.push(outcome),
  });
  return { outcomes, fetchedAt, close: () => running.close() };
}

test('every so often, at times that all servers agree on, and no more after the end', async () => {
  const clock = new ManualClock();
  clock.pass(17_000);
  const { fetchedAt, close } = schedule({ every: 60_000 }, { clock });
  for (let step = 0; step < 18; step += 1) {
    clock.pass(10_000);
    await settled();
  }
  const minutes = fetchedAt.map((atMs) => Math.floor(atMs / 60_000));
  expect(minutes).toEqual([minutes[0]!, minutes[0]! + 1, minutes[0]! + 2]);
  close();
  clock.pass(600_000);
  expect(fetchedAt.length).toBe(3);
});

test('of two servers one fetches, each time; while they cannot agree, both do', async () => {
  const clock = new ManualClock();
  const claims = new Claims();
  const all = [schedule({ every: 1000 }, { clock, claims }), schedule({ every: 1000 }, { clock, claims })];
  for (let due = 0; due < 10; due += 1) {
    clock.pass(1000);
    await settled();
  }
  expect(all.flatMap(({ outcomes }) => outcomes).filter((outcome) => outcome === 'fetched').length).toBe(10);
  expect(all.flatMap(({ outcomes }) => outcomes).filter((outcome) => outcome === 'elsewhere').length).toBe(
    10,
  );
  claims.isAway = true;
  clock.pass(1000);
  await settled();
  expect(all.map(({ outcomes }) => outcomes.at(-1))).toEqual(['fetched', 'fetched']);
});

test('a fetch that takes longer than its turn is not begun twice, and one that fails is told of', async () => {
  const clock = new ManualClock();
  const end = Promise.withResolvers<void>();
  const { outcomes } = schedule({ every: 1000 }, { clock, fetch: async () => await end.promise });
  clock.pass(1000);
  await settled();
  clock.pass(1000);
  await settled();
  end.reject(new Error('broken'));
  await settled();
  expect(outcomes).toEqual(['overrun', 'failed']);
});

/** A clock that may be set; its timers run by what has passed. */
class SetClock extends ManualClock {
  setByMs = 0;

  override now(): number {
    return super.now() + this.setByMs;
  }
}

test.each([
  ['is set back by an hour', -3_600_000, [1, 2, 3, 4, 5]],
  ['is set right by five seconds, and no time comes twice', -5000, [1, 2, 3, 4]],
  ['is set ahead by an hour', 3_600_000, [1, 2, 3, 4, 5]],
])('a rule goes on when the clock %s', async (_, setByMs, minutes) => {
  const clock = new SetClock();
  const { fetchedAt } = schedule({ every: 60_000 }, { clock });
  clock.pass(60_000);
  await settled();
  clock.setByMs = setByMs;
  const setAtMs = clock.now();
  for (let second = 0; second < 300; second += 1) {
    clock.pass(1000);
    await settled();
  }
  expect(fetchedAt.slice(1).map((atMs) => Math.round((atMs - setAtMs) / 60_000))).toEqual(minutes);
});

test('jitter comes on top, and does not move the times after it', async () => {
  const clock = new ManualClock();
  const { fetchedAt } = schedule({ every: 10_000, jitter: 4000 }, { clock, random: 0.5 });
  for (let step = 0; step < 24; step += 1) {
    clock.pass(1000);
    await settled();
  }
  expect(fetchedAt.map((atMs) => atMs % 10_000)).toEqual([2000, 2000]);
});

test('cron by a time zone, over the change to summer time', () => {
  const next = refreshTimes({ ...RULE, cron: '30 2 * * *', timeZone: 'Europe/Berlin' });
  expect(new Date(next(Date.UTC(2026, 0, 1))!).toISOString()).toBe('2026-01-01T01:30:00.000Z');
  // 02:30 does not exist on that night.
  expect(new Date(next(Date.UTC(2026, 2, 29))!).getTime()).toBeGreaterThan(Date.UTC(2026, 2, 29));
  expect(() => refreshTimes({ ...RULE, cron: '99 * * * *' })).toThrow();
  expect(() => refreshTimes({ ...RULE, cron: '0 0 30 2 *' })).not.toThrow();
  expect(() => refreshTimes({ ...RULE, cron: '* * * * *', timeZone: 'Nowhere/City' })).toThrow();
});
