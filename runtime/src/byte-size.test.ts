import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatBytes, parseBytes } from './byte-size.ts';

describe('byte sizes', () => {
  it.each([
    ['0', 0],
    ['4096', 4096],
    ['64MiB', 64 * 1024 * 1024],
    ['50MB', 50_000_000],
    ['1.5 GiB', 1.5 * 1024 ** 3],
    ['2kB', 2000],
    ['7 B', 7],
  ])('reads %s', (text, bytes) => {
    expect(parseBytes(text)).toBe(bytes);
  });

  it.each(['', 'MiB', '-1', '1e3', '64mib', '64Mi', '1 2', '5 MiB ', '9007199254740993', '1.MiB', '5 '])(
    'refuses "%s"',
    (text) => {
      expect(parseBytes(text)).toBeUndefined();
    },
  );

  it.each([
    [0, '0B'],
    [1023, '1023B'],
    [1024, '1KiB'],
    [64 * 1024 * 1024, '64MiB'],
    [17_000_000, '16.2MiB'],
    [1024 ** 2 - 1, '1MiB'],
    [2 * 1024 ** 3, '2GiB'],
  ])('writes %d as %s', (bytes, text) => {
    expect(formatBytes(bytes)).toBe(text);
  });

  it('reads back what it wrote to within one decimal', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 2 ** 50 }), (bytes) => {
        const read = parseBytes(formatBytes(bytes));
        expect(read).toBeDefined();
        expect(Math.abs((read ?? 0) - bytes)).toBeLessThanOrEqual(Math.max(1, bytes * 0.051));
      }),
    );
  });
});
