import { getEventListeners } from 'node:events';
import { expect, it } from 'vitest';
import { ThreadSlots } from './thread-slots.ts';

const { signal } = new AbortController();
const LIMITS = { ingestThreadsMax: 2, ingestWaitMs: 60_000 };

it('gives so many at once, and the next in the order of asking', async () => {
  const slots = new ThreadSlots();
  const [one, other] = [await slots.take(LIMITS, signal), await slots.take(LIMITS, signal)];
  const order: string[] = [];
  const waiting = ['third', 'fourth'].map(async (name) => {
    const free = await slots.take(LIMITS, signal);
    order.push(name);
    return free;
  });
  expect(order).toEqual([]);
  one();
  one();
  const third = await waiting[0];
  expect(order).toEqual(['third']);
  other();
  const fourth = await waiting[1];
  expect(order).toEqual(['third', 'fourth']);
  third?.();
  fourth?.();
  expect(slots.taken).toBe(0);
  expect(getEventListeners(signal, 'abort')).toEqual([]);
});

it('lets nobody wait longer than the limit, nor after leaving, and loses no slot by that', async () => {
  const slots = new ThreadSlots();
  const limits = { ingestThreadsMax: 1, ingestWaitMs: 20 };
  const free = await slots.take(limits, signal);
  const failure = slots.take(limits, signal);
  await expect(failure).rejects.toThrow('limits.ingestThreadsMax 1 within limits.ingestWaitMs 20');
  await expect(failure).rejects.toMatchObject({ code: 'limit-exceeded' });
  const left = new AbortController();
  const leaving = slots.take({ ...limits, ingestWaitMs: 60_000 }, left.signal);
  const late = slots.take({ ...limits, ingestWaitMs: 60_000 }, left.signal);
  left.abort(new Error('closed'));
  free();
  await expect(leaving).rejects.toThrow('closed');
  await expect(late).rejects.toThrow('closed');
  await expect(slots.take(limits, left.signal)).rejects.toThrow('closed');
  (await slots.take(limits, signal))();
  expect(slots.taken).toBe(0);
});
