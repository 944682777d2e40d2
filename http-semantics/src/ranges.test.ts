import fc from 'fast-check';
import { expect, test } from 'vitest';
import { contentRange, parseRanges, unsatisfiedRange } from './ranges.ts';

/** `first-last` for each range, or the kind. */
function asked(value: string, lengthBytes = 100): string {
  const parsed = parseRanges(value, lengthBytes);
  return parsed.kind === 'ranges'
    ? parsed.ranges.map(({ first, last }) => `${first}-${last}`).join(' ')
    : parsed.kind;
}

/** partial-store-complete-… in https://github.com/http-tests/cache-tests */
test('one range, open or from the end, is cut to what there is', () => {
  expect(asked('bytes=0-1')).toBe('0-1');
  expect(asked('BYTES=0-0')).toBe('0-0');
  expect(asked('bytes=1-')).toBe('1-99');
  expect(asked('bytes=-1')).toBe('99-99');
  expect(asked('bytes=-500')).toBe('0-99');
  expect(asked('bytes=90-500')).toBe('90-99');
  expect(asked(`bytes=5-${'9'.repeat(400)}`)).toBe('5-99');
});

test('several ranges keep their order, and those that lie outside are left out', () => {
  expect(asked('bytes=50-59, 0-9 ,,-5')).toBe('50-59 0-9 95-99');
  expect(asked('bytes=100-, 0-9, -0')).toBe('0-9');
});

test('nothing that exists is unsatisfiable', () => {
  for (const value of [
    'bytes=100-',
    'bytes=100-200',
    'bytes=-0',
    `bytes=${'9'.repeat(400)}-`,
    'bytes=100-,-0',
  ])
    expect(asked(value), value).toBe('unsatisfiable');
  expect(asked('bytes=0-', 0)).toBe('unsatisfiable');
  expect(asked('bytes=-0', 0)).toBe('unsatisfiable');
  expect(asked('bytes=-5', 0)).toBe('none');
});

test('another unit and any syntax error ask for the whole', () => {
  const wrong = [
    '',
    'bytes',
    'bytes=',
    'bytes=,',
    'bytes =0-1',
    'bytes=0',
    'bytes=-',
    'bytes=a-b',
    'bytes=5-4',
  ];
  const more = [
    'items=0-1',
    'bytes=0-1;x',
    'bytes=0-1, x',
    'bytes=0-1, bytes=2-3',
    'bytes=+0-1',
    'bytes=0 - 1',
    ' bytes=0-1',
  ];
  for (const value of [...wrong, ...more]) expect(asked(value), value).toBe('none');
});

test('too many ranges and too many overlaps ask for the whole', () => {
  const many = (count: number): string =>
    `bytes=${Array.from({ length: count }, (_, index) => `${index * 2}-${index * 2}`).join(',')}`;
  expect(asked(many(16)).split(' ')).toHaveLength(16);
  expect(asked(many(17))).toBe('none');
  expect(asked('bytes=0-9,5-9,9-12')).toBe('0-9 5-9 9-12');
  expect(asked('bytes=0-,0-,0-,0-')).toBe('none');
});

test('a Content-Range tells the part or the length', () => {
  expect(contentRange(0, 1, 11)).toBe('bytes 0-1/11');
  expect(unsatisfiedRange(11)).toBe('bytes */11');
});

test('whatever is asked, a range lies inside and is not empty', () => {
  const digits = fc.oneof(fc.nat({ max: 30 }).map(String), fc.constantFrom('', '9'.repeat(30)));
  const member = fc.tuple(digits, fc.constantFrom('-', '', '--', ' '), digits).map((parts) => parts.join(''));
  fc.assert(
    fc.property(fc.array(member, { maxLength: 20 }), fc.nat({ max: 20 }), (members, lengthBytes) => {
      const parsed = parseRanges(`bytes=${members.join(',')}`, lengthBytes);
      if (parsed.kind !== 'ranges') return;
      expect(parsed.ranges.length).toBeGreaterThan(0);
      for (const { first, last } of parsed.ranges)
        expect(0 <= first && first <= last && last < lengthBytes).toBe(true);
    }),
    { numRuns: 1000 },
  );
});
