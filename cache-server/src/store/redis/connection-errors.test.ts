import { expect, test } from 'vitest';
import { ConnectionErrors } from './connection-errors.ts';

test('every error is counted, and one in five seconds is reported with the number of those before it', () => {
  let nowMs = 0;
  const reports: string[] = [];
  const errors = new ConnectionErrors(
    (error, count) => reports.push(`${nowMs}: ${error.message}, ${count}`),
    () => nowMs,
  );
  for (nowMs = 0; nowMs <= 10_000; nowMs += 1_000) errors.note(new Error(`at ${nowMs}`));
  expect(errors.count).toBe(11);
  expect(reports).toEqual(['0: at 0, 1', '5000: at 5000, 5', '10000: at 10000, 5']);
});

test('the last error explains a connection that is away, until it is back', () => {
  const errors = new ConnectionErrors(undefined, () => 0);
  expect(errors.last).toBeUndefined();
  errors.note(new Error('first'));
  errors.note(new Error('second'));
  expect(errors.last?.message).toBe('second');
  errors.forget();
  expect(errors.last).toBeUndefined();
  expect(errors.count).toBe(2);
});
