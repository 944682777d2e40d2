import { expect, test } from 'vitest';
import { remembered } from './text-memory.ts';

test('finds out once what is asked for again, and forgets what came first', () => {
  const asked: string[] = [];
  const isEven = remembered((text) => {
    asked.push(text);
    return text === 'even';
  });
  expect(['odd', 'even', 'odd', 'even'].map(isEven)).toEqual([false, true, false, true]);
  expect(asked).toEqual(['odd', 'even']);
  for (let id = 0; id < 1023; id += 1) isEven(`text ${id}`);
  asked.length = 0;
  isEven('even');
  isEven('odd');
  expect(asked).toEqual(['odd']);
});

test('remembers neither what was thrown nor what is long', () => {
  let calls = 0;
  const find = remembered((text) => {
    calls += 1;
    if (text === 'bad') throw new Error('bad');
    return text;
  });
  for (let i = 0; i < 2; i += 1) expect(() => find('bad')).toThrow('bad');
  const long = 'a'.repeat(1000);
  for (let i = 0; i < 2; i += 1) expect(find(long)).toBe(long);
  expect(calls).toBe(4);
});
