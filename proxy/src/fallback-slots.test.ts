import { loadConfig } from '@pannier/runtime';
import { expect, it, onTestFinished, vi } from 'vitest';
import { fallbackShare } from './fallback-share.ts';
import type { FallbackShare } from './fallback-share.ts';
import { FallbackSlots } from './fallback-slots.ts';

const NEVER = new AbortController().signal;

function shareOf(settings: object, proxies = 1): { fallbackShare: FallbackShare | undefined } {
  const { upstreams } = loadConfig({
    env: {},
    overrides: { upstreams: { api: { url: 'http://api.example', ...settings } } },
  });
  return { fallbackShare: fallbackShare('api', upstreams['api']!, proxies) };
}

function useFakeTime(): void {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
  onTestFinished(() => void vi.useRealTimers());
}

it('is a part of what all may ask, and never nothing', () => {
  expect(shareOf({ concurrencyMax: 25 }, 10)).toMatchObject({ fallbackShare: { runningMax: 2 } });
  expect(shareOf({ concurrencyMax: 5 }, 10)).toMatchObject({ fallbackShare: { runningMax: 1 } });
  const rate = { requests: 50, per: '1s', burst: 30 };
  expect(shareOf({ rate }, 10)).toMatchObject({
    fallbackShare: { runningMax: Infinity, spacingMs: 200, burst: 3 },
  });
  expect(shareOf({}, 10)).toEqual({ fallbackShare: undefined });
});

it('lets nobody wait where there is no limit', async () => {
  const slots = new FallbackSlots();
  for (let count = 0; count < 100; count += 1) await slots.take(shareOf({}), NEVER);
});

it('lets as many run as may, the others in their order, and whoever has left is not among them', async () => {
  const slots = new FallbackSlots();
  const share = shareOf({ concurrencyMax: 2 });
  const begun: number[] = [];
  const take = async (number: number, signal = NEVER): Promise<() => void> => {
    const giveBack = await slots.take(share, signal);
    begun.push(number);
    return giveBack;
  };
  const [first] = await Promise.all([take(1), take(2)]);
  const leaver = new AbortController();
  const leaving = take(3, leaver.signal);
  const [fourth, fifth] = [take(4), take(5)];
  leaver.abort(new Error('left'));
  await expect(leaving).rejects.toThrow('left');
  first();
  first();
  (await fourth)();
  await fifth;
  expect(begun).toEqual([1, 2, 4, 5]);
});

it('sends away who would wait among too many, or too long, and says when to come back', async () => {
  useFakeTime();
  const slots = new FallbackSlots();
  const share = shareOf({ concurrencyMax: 1, queueMax: 1, queueTimeoutMs: '2s' });
  await slots.take(share, NEVER);
  const refusal = { code: 'upstream-limited', httpStatus: 503, retryAfterMs: 5000 };
  const waiting = slots.take(share, NEVER).catch((error: unknown) => error);
  await expect(slots.take(share, NEVER)).rejects.toMatchObject(refusal);
  await vi.advanceTimersByTimeAsync(2000);
  expect(await waiting).toMatchObject(refusal);
});

it('spaces requests as the rate says, after as many at once as it allows', async () => {
  useFakeTime();
  const slots = new FallbackSlots();
  const share = shareOf({ rate: { requests: 10, per: '1s', burst: 3 } });
  let begun = 0;
  for (let count = 0; count < 8; count += 1) void slots.take(share, NEVER).then(() => (begun += 1));
  await vi.advanceTimersByTimeAsync(0);
  expect(begun).toBe(3);
  await vi.advanceTimersByTimeAsync(201);
  expect(begun).toBe(5);
  await vi.advanceTimersByTimeAsync(300);
  expect(begun).toBe(8);
});
