import fc from 'fast-check';
import { expect, test } from 'vitest';
import { mayUseOnError, reuse } from './reuse.ts';
import type { Reuse } from './reuse.ts';
import type { StoredState } from './stored-state.ts';

const fresh: StoredState = {
  ageS: 10,
  lifetimeS: 60,
  fresh: true,
  mustRevalidate: false,
  staleForMs: 0,
  whileRevalidateMs: 0,
  ifErrorMs: 0,
};
const stale: StoredState = { ...fresh, ageS: 70, fresh: false, staleForMs: 10_000 };

function verdict(state: StoredState, value?: string, ignoreNoCache = false): Reuse {
  return reuse(state, value === undefined ? [] : [['Cache-Control', value]], { ignoreNoCache });
}

/** ccreq-… in https://github.com/http-tests/cache-tests */
test('of a fresh response a client may want more', () => {
  expect(verdict(fresh)).toBe('fresh');
  for (const value of ['max-age=10', 'min-fresh=50', 'max-stale', 'max-stale=x', 'x', 'no-store'])
    expect(verdict(fresh, value), value).toBe('fresh');
  for (const value of [
    'no-cache',
    'max-age=0',
    'max-age=9',
    'max-age=x',
    'min-fresh=51',
    'max-age=9, max-stale',
  ])
    expect(verdict(fresh, value), value).toBe('revalidate');
  expect(reuse(fresh, [['Pragma', 'no-cache']], { ignoreNoCache: false })).toBe('revalidate');
});

test('an operator may overrule no-cache and max-age=0, and nothing else', () => {
  for (const value of ['no-cache', 'max-age=0', 'no-cache, max-age=0'])
    expect(verdict(fresh, value, true)).toBe('fresh');
  expect(reuse(fresh, [['Pragma', 'no-cache']], { ignoreNoCache: true })).toBe('fresh');
  expect(verdict(fresh, 'max-age=9', true)).toBe('revalidate');
  expect(verdict(fresh, 'no-cache, min-fresh=51', true)).toBe('revalidate');
  expect(verdict(stale, 'no-cache', true)).toBe('revalidate');
});

test('a stale response is used where max-stale reaches it', () => {
  for (const value of ['max-stale', 'max-stale=10', 'max-stale=99, max-age=70', 'max-stale="10"'])
    expect(verdict(stale, value), value).toBe('stale-allowed');
  const refused = [
    'max-stale=9',
    'max-stale=x',
    'max-stale; x',
    'max-stale, max-stale=9',
    'max-stale=99, max-age=69',
  ];
  for (const value of [...refused, 'max-stale, no-cache', 'max-stale, min-fresh=1'])
    expect(verdict(stale, value), value).toBe('revalidate');
  expect(verdict({ ...stale, mustRevalidate: true }, 'max-stale')).toBe('revalidate');
});

test('a stale response is used while it is revalidated, until its window ends', () => {
  const window = (whileRevalidateMs: number): StoredState => ({ ...stale, whileRevalidateMs });
  expect(verdict(window(10_001))).toBe('stale-while-revalidate');
  expect(verdict(window(10_000))).toBe('revalidate');
  expect(verdict(window(0))).toBe('revalidate');
  expect(verdict(window(99_000), 'max-stale=99')).toBe('stale-allowed');
  for (const value of ['max-age=99', 'min-fresh=0', 'no-cache'])
    expect(verdict(window(99_000), value)).toBe('revalidate');
});

test('on an error the response, the operator or the request must allow a stale answer', () => {
  const onError = (state: StoredState, value = ''): boolean =>
    mayUseOnError(state, [['Cache-Control', value]]);
  expect(onError(stale)).toBe(false);
  expect(onError(stale, 'stale-if-error=11')).toBe(true);
  expect(onError(stale, 'stale-if-error=10')).toBe(false);
  expect(onError(stale, 'stale-if-error')).toBe(false);
  expect(onError({ ...stale, ifErrorMs: 11_000 })).toBe(true);
  expect(onError({ ...stale, ifErrorMs: 11_000 }, 'no-cache')).toBe(false);
  expect(onError({ ...stale, ifErrorMs: 11_000 }, 'max-age=69')).toBe(false);
  expect(onError({ ...stale, ifErrorMs: 11_000, mustRevalidate: true }, 'stale-if-error=99')).toBe(false);
  expect(onError({ ...fresh, mustRevalidate: true })).toBe(true);
});

test('whatever a request says, what must be revalidated is never used stale', () => {
  const piece = fc.constantFrom(
    'max-stale',
    'max-stale=99',
    'stale-if-error=99',
    'max-age=999',
    'no-cache',
    '"',
    ';',
  );
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 6 }), fc.boolean(), (pieces, ignoreNoCache) => {
      const state = { ...stale, mustRevalidate: true, whileRevalidateMs: 0, ifErrorMs: 0 };
      const value = pieces.join(',');
      expect(verdict(state, value, ignoreNoCache)).toBe('revalidate');
      expect(mayUseOnError(state, [['Cache-Control', value]])).toBe(false);
    }),
  );
});
