import { expect, test } from 'vitest';
import { leadsUp } from './path-segments.ts';

test.each(['/..', '/a/../..', '/%2e%2E/a', '/.%2e', '/a/..//../b', '\\..\\a', '/./..'])(
  '%s leads up',
  (path) => {
    expect(leadsUp(path)).toBe(true);
  },
);

test.each(['', '/', '/a', '/a/..', '/a/../b', '/a//../b/..', '/...', '/..a', '/%2e'])(
  '%s stays below',
  (path) => {
    expect(leadsUp(path)).toBe(false);
  },
);
