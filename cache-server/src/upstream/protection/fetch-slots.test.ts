import fc from 'fast-check';
import { expect, test } from 'vitest';
import { ManualClock } from '../../get-entry.fixture.ts';
import { FetchSlots } from './fetch-slots.ts';
import type { FetchSlotsOptions } from './fetch-slots.ts';
import type { ProtectionShare, ShareReport } from './protection-share.ts';

const NEVER = new AbortController().signal;

function slotsOf(
  settings: Partial<FetchSlotsOptions['settings']>,
  { share, servers = 1 }: { share?: ProtectionShare; servers?: number } = {},
): { slots: FetchSlots; clock: ManualClock } {
  const clock = new ManualClock();
  const slots = new FetchSlots({
    upstream: 'api',
    settings: {
      queueMax: 1000,
      queueTimeoutMs: 30_000,
      concurrencyMax: undefined,
      rate: undefined,
      ...settings,
    },
    clock,
    share,
    servers: () => servers,
    onChange: () => undefined,
    onAway: () => undefined,
  });
  return { slots, clock };
}

/** Lets all promises of this moment settle. */
async function settled(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
}

test('those who wait begin in the order in which they came', async () => {
  const { slots } = slotsOf({ concurrencyMax: 2 });
  const began: number[] = [];
  const turns = [0, 1, 2, 3, 4].map(async (index) => {
    const giveBack = await slots.take(NEVER);
    began.push(index);
    return giveBack;
  });
  await settled();
  expect([began, slots.running, slots.queued]).toEqual([[0, 1], 2, 3]);
  for (const turn of turns) (await turn)();
  expect(began).toEqual([0, 1, 2, 3, 4]);
  expect([slots.running, slots.queued]).toEqual([0, 0]);
});

test('whoever leaves the queue holds nobody up, and is told why he left', async () => {
  const { slots } = slotsOf({ concurrencyMax: 1 });
  const giveBack = await slots.take(NEVER);
  const leaving = new AbortController();
  const left = slots.take(leaving.signal);
  const next = slots.take(NEVER);
  leaving.abort(new Error('gone'));
  await expect(left).rejects.toThrow('gone');
  giveBack();
  giveBack();
  await next;
  expect([slots.running, slots.queued]).toEqual([1, 0]);
});

test('a full queue and a long wait are refused with 429 and a time to come back', async () => {
  const { slots, clock } = slotsOf({ concurrencyMax: 1, queueMax: 1, queueTimeoutMs: 5000 });
  await slots.take(NEVER);
  const waits = slots.take(NEVER);
  const refused = { code: 'upstream-limited', httpStatus: 429, retryAfterMs: 1000 };
  await expect(slots.take(NEVER)).rejects.toMatchObject(refused);
  clock.pass(5000);
  await expect(waits).rejects.toMatchObject(refused);
  expect(slots.queued).toBe(0);
});

test('a rate spaces what comes at once, after its burst', async () => {
  const { slots, clock } = slotsOf({ rate: { requests: 10, per: 1000, burst: 3 } });
  let began = 0;
  for (let count = 0; count < 10; count += 1) void slots.take(NEVER).then(() => (began += 1));
  await settled();
  expect(began).toBe(3);
  for (let tenths = 1; tenths <= 7; tenths += 1) {
    clock.pass(100);
    await settled();
    expect(began).toBe(3 + tenths);
  }
});

test('whatever comes, leaves and ends: never more than the cap, and nobody waits while there is room', async () => {
  const steps = fc.array(fc.constantFrom('take', 'end', 'leave', 'pass'), { maxLength: 60 });
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 1, max: 5 }), steps, async (concurrencyMax, walk) => {
      const { slots, clock } = slotsOf({ concurrencyMax });
      const running: (() => void)[] = [];
      const waiting: AbortController[] = [];
      for (const step of walk) {
        if (step === 'take') {
          const leaving = new AbortController();
          waiting.push(leaving);
          slots.take(leaving.signal).then(
            (giveBack) => {
              waiting.splice(waiting.indexOf(leaving), 1);
              running.push(giveBack);
            },
            () => undefined,
          );
        } else if (step === 'end') running.shift()?.();
        else if (step === 'leave') waiting.pop()?.abort();
        else clock.pass(10);
        await settled();
        expect(slots.running).toBe(running.length);
        expect(running.length).toBeLessThanOrEqual(concurrencyMax);
        if (slots.queued > 0) expect(running.length).toBe(concurrencyMax);
      }
    }),
    { numRuns: 60 },
  );
});

/** Grants everything, unless it is told to be gone. */
class OpenShare implements ProtectionShare {
  isAway = false;
  readonly reports: ShareReport[] = [];

  async report(report: ShareReport): Promise<{ granted: number; retryInMs: number }> {
    if (this.isAway) throw new Error('away');
    this.reports.push(report);
    return { granted: report.waiting, retryInMs: 10 };
  }

  async beat(): Promise<{ servers: number; pauses: [] }> {
    return { servers: 2, pauses: [] };
  }

  async pause(): Promise<void> {
    await settled();
  }
}

test('what runs is told until nothing does, and the part of a server holds while the others cannot be heard', async () => {
  const share = new OpenShare();
  const { slots, clock } = slotsOf({ concurrencyMax: 4 }, { share, servers: 2 });
  const first = await slots.take(NEVER);
  clock.pass(1500);
  await settled();
  expect(share.reports.at(-1)).toMatchObject({ running: 1, waiting: 0, concurrencyMax: 4 });
  share.isAway = true;
  let began = 0;
  for (let count = 0; count < 5; count += 1) void slots.take(NEVER).then(() => (began += 1));
  await settled();
  expect(began).toBe(1);
  share.isAway = false;
  clock.pass(1000);
  await settled();
  expect(began).toBe(5);
  first();
  await settled();
  expect(share.reports.at(-1)).toMatchObject({ running: 5, waiting: 0 });
});
