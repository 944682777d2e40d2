import fc from 'fast-check';
import { expect, test } from 'vitest';
import { formatHttpDate, parseHttpDate } from './http-date.ts';

const now = Date.UTC(2026, 0, 1);
const expected = Date.UTC(1994, 10, 6, 8, 49, 37);

test('all three formats are read', () => {
  expect(parseHttpDate('Sun, 06 Nov 1994 08:49:37 GMT', now)).toBe(expected);
  expect(parseHttpDate('Sunday, 06-Nov-94 08:49:37 GMT', now)).toBe(expected);
  expect(parseHttpDate('Sun Nov  6 08:49:37 1994', now)).toBe(expected);
});

/** The ids are those of expires-parse in https://github.com/http-tests/cache-tests */
test('dates that the public suite sends are read as it expects, whatever their case', () => {
  const august18 = Date.UTC(2050, 7, 18, 2, 1, 18);
  const expected: [id: string, text: string, ms: number | undefined][] = [
    ['freshness-expires-32bit', 'Tue, 19 Jan 2038 14:14:08 GMT', Date.UTC(2038, 0, 19, 14, 14, 8)],
    ['freshness-expires-far-future', 'Sun, 21 Nov 2286 04:46:39 GMT', Date.UTC(2286, 10, 21, 4, 46, 39)],
    ['freshness-expires-rfc850', 'Thursday, 18-Aug-50 02:01:18 GMT', august18],
    ['freshness-expires-ansi-c', 'Thu Aug  8 02:01:18 2050', Date.UTC(2050, 7, 8, 2, 1, 18)],
    ['freshness-expires-wrong-case-weekday', 'THU, 18 Aug 2050 02:01:18 GMT', august18],
    ['freshness-expires-wrong-case-month', 'Thu, 18 AUG 2050 02:01:18 GMT', august18],
    ['freshness-expires-wrong-case-tz', 'Thu, 18 Aug 2050 02:01:18 gMT', august18],
    ['freshness-expires-invalid-utc', 'Thu, 18 Aug 2050 02:01:18 UTC', undefined],
    ['freshness-expires-invalid-aest', 'Thu, 18 Aug 2050 02:01:18 AEST', undefined],
    ['freshness-expires-invalid-2-digit-year', 'Thu, 18 Aug 50 02:01:18 GMT', undefined],
    ['freshness-expires-invalid-no-comma', 'Thu 18 Aug 2050 02:01:18 GMT', undefined],
    ['freshness-expires-invalid-multiple-spaces', 'Thu, 18  Aug  2050 02:01:18 GMT', undefined],
    ['freshness-expires-invalid-date-dashes', 'Thu, 18-Aug-2050 02:01:18 GMT', undefined],
    ['freshness-expires-invalid-time-periods', 'Thu, 18 Aug 2050 02.01.18 GMT', undefined],
    ['freshness-expires-invalid-1-digit-hour', 'Thu, 18 Aug 2050 2:01:18 GMT', undefined],
  ];
  for (const [id, text, ms] of expected) expect(parseHttpDate(text, now), id).toBe(ms);
});

test('a two-digit year is at most fifty years ahead', () => {
  expect(parseHttpDate('Monday, 01-Jan-75 00:00:00 GMT', now)).toBe(Date.UTC(2075, 0, 1));
  expect(parseHttpDate('Monday, 01-Jan-77 00:00:00 GMT', now)).toBe(Date.UTC(1977, 0, 1));
});

test('anything else is no date', () => {
  const wrong = [
    '0',
    '-1',
    '',
    'now',
    'Sun, 06 Nov 1994 08:49:37 UTC',
    'Sun, 06 Nov 1994 08:49:37 +0000',
    'Sun, 6 Nov 1994 08:49:37 GMT',
    'Sun, 06 Nov 94 08:49:37 GMT',
    'Sun, 31 Jun 1994 08:49:37 GMT',
    'Sun, 00 Nov 1994 08:49:37 GMT',
    'Sun, 06 Nov 1994 24:00:00 GMT',
    'Sun, 06 Nov 1994 08:60:37 GMT',
    'Sun, 06 Nov 1994 08:49:61 GMT',
    'Sun, 06 Nov 1994 08:49:37 GMT, Sun, 06 Nov 1994 08:49:37 GMT',
    ' Sun, 06 Nov 1994 08:49:37 GMT',
    '1994-11-06T08:49:37Z',
  ];
  for (const text of wrong) expect(parseHttpDate(text, now), text).toBeUndefined();
  expect(parseHttpDate(undefined, now)).toBeUndefined();
});

test('what we write we read, to the second', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 4e9 }), (seconds) => {
      expect(parseHttpDate(formatHttpDate(seconds * 1000), now)).toBe(seconds * 1000);
    }),
  );
});
