import { expect, test } from 'vitest';
import type { HeaderList } from './headers.ts';
import { formatHttpDate } from './http-date.ts';
import { DEFAULT_POLICY } from './policy.ts';
import type { CachePolicy } from './policy.ts';
import { stateOf } from './stored-state.ts';
import type { StoredState } from './stored-state.ts';

const arrived = Date.UTC(2026, 0, 1);
const date = ['Date', formatHttpDate(arrived)] as const;

function state(headers: HeaderList, afterS = 0, policy: Partial<CachePolicy> = {}): StoredState {
  const stored = { status: 200, headers, requestTimeMs: arrived, responseTimeMs: arrived };
  return stateOf(stored, { ...DEFAULT_POLICY, ...policy }, arrived + afterS * 1000);
}
const cc = (value: string, afterS = 0, policy: Partial<CachePolicy> = {}): StoredState =>
  state([['Cache-Control', value]], afterS, policy);

test('a response is fresh until its age reaches its lifetime, and then stale for ever longer', () => {
  expect(cc('max-age=60', 59.999)).toMatchObject({ ageS: 59, lifetimeS: 60, fresh: true, staleForMs: 0 });
  expect(cc('max-age=60', 60)).toMatchObject({ ageS: 60, lifetimeS: 60, fresh: false, staleForMs: 0 });
  expect(cc('max-age=60', 70.5)).toMatchObject({ fresh: false, staleForMs: 10_500 });
});

test('no-cache and a lone Pragma are never fresh nor ever usable stale, not even by force', () => {
  const heads: HeaderList[] = [
    [['Cache-Control', 'max-age=60, no-cache, stale-if-error=60']],
    [['Pragma', 'no-cache']],
  ];
  for (const headers of heads) {
    expect(state(headers, 1, { forcedTtlS: 600, staleIfErrorS: 60 })).toMatchObject({
      fresh: false,
      mustRevalidate: true,
      whileRevalidateMs: 0,
      ifErrorMs: 0,
    });
  }
});

test('no-cache of named fields leaves the response fresh', () => {
  expect(cc('no-cache="a", max-age=60')).toMatchObject({ fresh: true, mustRevalidate: false });
});

test('the response says how it may be used stale', () => {
  expect(cc('max-age=1, stale-while-revalidate=20, stale-if-error=30')).toMatchObject({
    whileRevalidateMs: 20_000,
    ifErrorMs: 30_000,
  });
  expect(cc('max-age=1', 0, { staleIfErrorS: 40 }).ifErrorMs).toBe(40_000);
  expect(cc('max-age=1, stale-if-error=0', 0, { staleIfErrorS: 40 }).ifErrorMs).toBe(0);
});

/** stale-close-… in https://github.com/http-tests/cache-tests */
test('what forbids a stale answer forbids each of them', () => {
  for (const directive of ['must-revalidate', 'proxy-revalidate', 's-maxage=2', 's-maxage=x']) {
    const value = `max-age=2, ${directive}, stale-while-revalidate=20, stale-if-error=20`;
    expect(cc(value, 5, { staleIfErrorS: 40 }), directive).toMatchObject({
      fresh: false,
      mustRevalidate: true,
      whileRevalidateMs: 0,
      ifErrorMs: 0,
    });
  }
});

/** The ids are those of age-parse in https://github.com/http-tests/cache-tests, release 0.4.5 */
test('a doubtful Age is judged as the released public suite expects', () => {
  const expected: [id: string, ages: string[], fresh: boolean][] = [
    ['age-parse-nonnumeric', ['abc'], false],
    ['age-parse-negative', ['-7200'], false],
    ['age-parse-float', ['7200.0'], false],
    ['age-parse-suffix', ['7200,0'], false],
    ['age-parse-prefix', ['0,7200'], true],
    ['age-parse-suffix-twoline', ['7200', '0'], false],
    ['age-parse-prefix-twoline', ['0', '7200'], false],
    ['age-parse-dup-0', ['0, 0'], false],
    ['age-parse-dup-0-twoline', ['0', '0'], false],
    ['age-parse-dup-old', ['10, 10'], false],
    ['age-parse-parameter', ['7200;foo=bar'], false],
    ['age-parse-numeric-parameter', ['7200;foo=111'], false],
    ['freshness-max-age-age', ['7200'], false],
    ['a plain age', [' 10 '], true],
  ];
  for (const [id, ages, fresh] of expected) {
    const headers = [date, ['Cache-Control', 'max-age=3600'] as const];
    const aged = [...headers, ...ages.map((age) => ['Age', age] as const)];
    expect(state(aged).fresh, id).toBe(fresh);
  }
});

/** The ids are those of age-parse in https://github.com/http-tests/cache-tests after release 0.4.5 */
test('by choice a doubtful Age is read as the RFC and the newest public suite have it', () => {
  const expected: [id: string, ages: string[], fresh: boolean][] = [
    ['age-parse-nonnumeric', ['abc'], true],
    ['age-parse-negative', ['-7200'], true],
    ['age-parse-float', ['7200.0'], true],
    ['age-parse-large-minus-one', ['2147483647'], false],
    ['age-parse-larger', ['2147483649'], false],
    ['age-parse-suffix', ['7200, 0'], false],
    ['age-parse-prefix', ['0, 7200'], true],
    ['age-parse-suffix-twoline', ['7200', '0'], false],
    ['age-parse-prefix-twoline', ['0', '7200'], true],
    ['age-parse-dup-0', ['0, 0'], true],
    ['age-parse-dup-old', ['3600', '3600'], true],
  ];
  for (const [id, ages, fresh] of expected) {
    const aged = [['Cache-Control', 'max-age=10000'] as const, ...ages.map((age) => ['Age', age] as const)];
    const judged = id === 'age-parse-dup-old' ? aged : [['Cache-Control', 'max-age=3600'] as const, ...aged];
    expect(state([date, ...judged], 0, { doubtfulAge: 'rfc' }).fresh, id).toBe(fresh);
  }
});

test('of unknown age means past every bound', () => {
  const headers: HeaderList = [
    ['Cache-Control', 'max-age=9, stale-if-error=60'],
    ['Age', 'old'],
  ];
  expect(state(headers)).toMatchObject({ ageS: 0, fresh: false, staleForMs: 2 ** 31 * 1000 });
});

test('an operator counts from arrival, whatever age and date the upstream claims', () => {
  const headers: HeaderList = [
    ['Age', '1000'],
    ['Cache-Control', 'max-age=5'],
  ];
  expect(state(headers, 59, { forcedTtlS: 60 })).toMatchObject({ ageS: 1059, lifetimeS: 1060, fresh: true });
  expect(state(headers, 60, { forcedTtlS: 60 }).fresh).toBe(false);
  expect(state([['Age', '?']], 0, { defaultTtlS: 60 }).fresh).toBe(true);
  expect(state(headers, 0, { minTtlS: 60 }).fresh).toBe(false);
});
