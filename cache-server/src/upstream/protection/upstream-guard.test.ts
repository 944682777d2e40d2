import { createMetrics } from '@pannier/runtime';
import { expect, test, vi } from 'vitest';
import { CacheServerError } from '../../errors.ts';
import { ManualClock } from '../../get-entry.fixture.ts';
import type { UpstreamResponse } from '../upstream-response.ts';
import { FetchSlots } from './fetch-slots.ts';
import { createProtectionCounters } from './protection-counters.ts';
import { UNDECLARED_PROTECTION } from './protection-settings.ts';
import type { ProtectionSettings } from './protection-settings.ts';
import { UpstreamBreaker } from './upstream-breaker.ts';
import { UpstreamGuard } from './upstream-guard.ts';
import { UpstreamPauses } from './upstream-pauses.ts';

type Answer = { response: UpstreamResponse };

function answer(status: number, headers: [string, string][] = []): Answer {
  const none = (async function* () {})();
  const over = Promise.resolve();
  return { response: { status, headers, framing: 'none', bodyBytes: 0, body: none, over } };
}

const unreachable = (): CacheServerError =>
  new CacheServerError('upstream-unreachable', 'refused', { proxyError: 'connection_refused' });

/**
 * A guard before an upstream whose answers are given one by one; the last goes on for ever.
 *
 * @param chance what chance says, each time
 */
function guardOf(
  settings: Partial<ProtectionSettings>,
  answers: (Answer | Error)[],
  chance = 1,
): {
  ask: (isPersonal?: boolean, look?: () => Promise<void>) => Promise<number>;
  asked: () => number;
  running: () => number;
  clock: ManualClock;
} {
  const clock = new ManualClock();
  const all = { ...UNDECLARED_PROTECTION, ...settings };
  const parts = { upstream: 'api', settings: all, clock, share: undefined, servers: () => 1 };
  const events = { onChange: () => undefined, onAway: () => undefined, onPause: () => undefined };
  const slots = new FetchSlots({ ...parts, ...events });
  const guard = new UpstreamGuard({
    ...parts,
    slots,
    breaker: all.breaker && new UpstreamBreaker('api', all.breaker, () => undefined),
    pauses: new UpstreamPauses({ ...parts, ...events }),
    counters: createProtectionCounters(createMetrics('test'), () => 1),
    random: () => chance,
  });
  let asked = 0;
  const attempt = async (): Promise<Answer> => {
    const next = answers[Math.min(asked, answers.length - 1)] ?? answer(200);
    asked += 1;
    if (next instanceof Error) throw next;
    return next;
  };
  return {
    ask: async (isPersonal = false, look) => {
      const { signal } = new AbortController();
      return (await guard.ask({ look, attempt, isPersonal, signal })).response.status;
    },
    asked: () => asked,
    running: () => slots.running,
    clock,
  };
}

test.each([
  [429, 'upstream-limited'],
  [503, 'upstream-paused'],
])('a %i with Retry-After leaves the upstream in peace until then, and no longer', async (status, code) => {
  const { ask, asked, clock } = guardOf({}, [answer(status, [['retry-after', '10']]), answer(200)]);
  expect(await ask()).toBe(status);
  clock.pass(4000);
  await expect(ask()).rejects.toMatchObject({ code, httpStatus: status, retryAfterMs: 6000 });
  clock.pass(6000);
  expect(await ask()).toBe(200);
  expect(asked()).toBe(2);
});

test('the peace is bounded, and none comes of an answer to credentials or of another status', async () => {
  const long = guardOf({ retryAfterMaxMs: 5000 }, [answer(503, [['retry-after', '86400']]), answer(200)]);
  await long.ask();
  long.clock.pass(5000);
  expect(await long.ask()).toBe(200);
  const personal = guardOf({}, [answer(429, [['retry-after', '10']])]);
  await personal.ask(true);
  expect(await personal.ask()).toBe(429);
  const redirect = guardOf({}, [answer(301, [['retry-after', '10']])]);
  await redirect.ask();
  expect(await redirect.ask()).toBe(301);
});

test.each([
  [0, 50],
  [1, 100],
])(
  'what may be tried again is, after pauses that double and of which half is by chance (%d), and the last answer is passed on',
  async (chance, firstPauseMs) => {
    const retries = { max: 2, firstDelayMs: 100 };
    const { ask, asked, clock } = guardOf({ retries }, [unreachable(), answer(502), answer(504)], chance);
    const asking = ask();
    for (const [pauseMs, count] of [
      [firstPauseMs - 1, 1],
      [1, 2],
      [2 * firstPauseMs - 1, 2],
      [1, 3],
    ] as const) {
      await new Promise((resolve) => setImmediate(resolve));
      clock.pass(pauseMs);
      await new Promise((resolve) => setImmediate(resolve));
      expect(asked()).toBe(count);
    }
    expect(await asking).toBe(504);
  },
);

test.each([
  ['a 500', answer(500)],
  ['a 503 that says when to come back', answer(503, [['retry-after', '1']])],
])('%s is not tried again', async (_, last) => {
  const { ask, asked } = guardOf({ retries: { max: 2, firstDelayMs: 1 } }, [last]);
  await ask();
  expect(asked()).toBe(1);
});

test('a dead upstream is remembered for failureTtlMs, a lost connection is not', async () => {
  const dead = guardOf({ failureTtlMs: 1000 }, [unreachable(), answer(200)]);
  for (let count = 0; count < 3; count += 1)
    await expect(dead.ask()).rejects.toMatchObject({ code: 'upstream-unreachable', httpStatus: 502 });
  expect(dead.asked()).toBe(1);
  dead.clock.pass(1000);
  expect(await dead.ask()).toBe(200);
  const lost = new CacheServerError('upstream-unreachable', 'lost', { proxyError: 'connection_terminated' });
  const flaky = guardOf({ failureTtlMs: 1000 }, [lost, answer(200)]);
  await expect(flaky.ask()).rejects.toThrow('lost');
  expect(await flaky.ask()).toBe(200);
});

test('a breaker opens by failures in a row, lets one try, and opens again or closes by it', async () => {
  vi.useFakeTimers({ toFake: ['Date'] });
  try {
    const breaker = { failures: 2, openMs: 5000, windowMs: 10_000, requestsMin: 20 };
    const { ask, asked } = guardOf({ breaker }, [answer(500), unreachable(), answer(500), answer(200)]);
    await ask();
    await expect(ask()).rejects.toMatchObject({ code: 'upstream-unreachable' });
    await expect(ask()).rejects.toMatchObject({ code: 'upstream-paused', retryAfterMs: 5000 });
    vi.setSystemTime(Date.now() + 5000);
    expect(await ask()).toBe(500);
    await expect(ask()).rejects.toMatchObject({ code: 'upstream-paused' });
    vi.setSystemTime(Date.now() + 5000);
    expect(await ask()).toBe(200);
    expect(await ask()).toBe(200);
    expect(asked()).toBe(5);
  } finally {
    vi.useRealTimers();
  }
});

test('what a look ends before it is sent is no trial of a breaker, neither failed nor passed', async () => {
  vi.useFakeTimers({ toFake: ['Date'] });
  try {
    const breaker = { failures: 2, openMs: 5000, windowMs: 10_000, requestsMin: 20 };
    const answers = [answer(500), answer(500), answer(500), answer(200)];
    const { ask, asked, running } = guardOf({ breaker, concurrencyMax: 1 }, answers);
    const stored = new Error('stored meanwhile');
    const look = vi.fn(async () => await Promise.reject(stored));
    await ask();
    await ask();
    vi.setSystemTime(Date.now() + 5000);
    await expect(ask(false, look)).rejects.toBe(stored);
    expect([look.mock.calls.length, asked(), running()]).toEqual([1, 2, 0]);
    // The next one is the trial: its failure alone opens the breaker again, where a closed one would take two.
    expect(await ask()).toBe(500);
    await expect(ask()).rejects.toMatchObject({ code: 'upstream-paused' });
    vi.setSystemTime(Date.now() + 5000);
    await expect(ask(false, look)).rejects.toBe(stored);
    expect(await ask()).toBe(200);
    expect(asked()).toBe(4);
  } finally {
    vi.useRealTimers();
  }
});

test('a look is made before each attempt', async () => {
  const retries = { max: 1, firstDelayMs: 100 };
  const { ask, asked, clock } = guardOf({ retries }, [unreachable(), answer(200)]);
  const look = vi.fn(async () => await Promise.resolve());
  const asking = ask(false, look);
  await vi.waitUntil(() => asked() === 1);
  await new Promise((resolve) => setImmediate(resolve));
  clock.pass(100);
  expect(await asking).toBe(200);
  expect(look).toHaveBeenCalledTimes(2);
});

test('a breaker opens by the share of failures once there were enough requests', async () => {
  const breaker = { share: 0.5, openMs: 5000, windowMs: 1000, requestsMin: 6 };
  const results = Array.from({ length: 40 }, (_, index) => answer(index % 3 === 0 ? 200 : 500));
  const { ask, asked } = guardOf({ breaker }, results);
  await expect(
    (async () => {
      for (const _ of results) await ask();
    })(),
  ).rejects.toMatchObject({ code: 'upstream-paused' });
  expect(asked()).toBeGreaterThanOrEqual(5);
  expect(asked()).toBeLessThan(20);
});
