import { inspect } from 'node:util';
import { expect, test } from 'vitest';
import { bareError } from './bare-error.ts';

test('what was sent is cut from an error and from those that it stands for, and the same error comes back', () => {
  const sent = () => ({ command: { name: 'auth', args: ['hush'] }, args: ['hush'], buffer: 'hush' });
  const deepest = Object.assign(new Error('deepest'), sent());
  const lastNodeError = Object.assign(new Error('last', { cause: deepest }), sent());
  const previousErrors = [Object.assign(new Error('previous'), sent())];
  const error = Object.assign(new Error('all failed'), { lastNodeError, previousErrors, code: 'X' });
  deepest.cause = error;
  expect(bareError(error)).toBe(error);
  expect(error).toMatchObject({ message: 'all failed', code: 'X', lastNodeError: { message: 'last' } });
  expect(inspect(error, { depth: null })).not.toContain('hush');
});

test.each([
  "ERR unknown command 'AUTH', with args beginning with: 'hush' 'more' ",
  'ERR unknown command `HELLO`, with args beginning with: `3`, `AUTH`, `hush`, ',
])('arguments that Redis repeats are cut from its words: %s', (words) => {
  const { message, stack } = bareError(new Error(words));
  expect(message).toMatch(/^ERR unknown command .(AUTH|HELLO).$/);
  expect(stack).toContain('bare-error.test.ts');
  expect(message + stack).not.toContain('hush');
});

test('what is no error becomes one', () => {
  expect(bareError('gone').message).toBe('gone');
});
