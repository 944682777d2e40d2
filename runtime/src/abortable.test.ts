import { getEventListeners } from 'node:events';
import { expect, test } from 'vitest';
import { abortable } from './abortable.ts';

test('a wait that is left rejects with the reason, and the work goes on', async () => {
  const work = Promise.withResolvers<string>();
  const leaver = new AbortController();
  const [left, stayed] = [
    abortable(work.promise, leaver.signal),
    abortable(work.promise, new AbortController().signal),
  ];
  leaver.abort(new Error('enough'));
  await expect(left).rejects.toThrow('enough');
  work.resolve('done');
  expect(await stayed).toBe('done');
  expect(getEventListeners(leaver.signal, 'abort')).toEqual([]);
});

test('a signal that is aborted already is noticed before the work', async () => {
  await expect(abortable(Promise.resolve(1), AbortSignal.abort(new Error('late')))).rejects.toThrow('late');
});
