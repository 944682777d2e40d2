import { createHash } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { generatedBody, type GeneratedType } from './generated-body.ts';

const types: readonly GeneratedType[] = ['json', 'random'];
const wholeBytes = 3 * 1024 * 1024 + 77;

/** Copies, since a body may use a buffer again. */
function read(bytes: number, type: GeneratedType, [from, to] = [0, bytes]): Buffer {
  return Buffer.concat(
    Array.from(generatedBody(bytes, 7, type).chunks(from, to), (chunk) => Buffer.from(chunk)),
  );
}

describe.each(types)('a generated body of type %s', (type) => {
  test('gives for any range the bytes that the whole has there', () => {
    const whole = read(wholeBytes, type);
    const place = fc.oneof(
      fc.nat(wholeBytes),
      fc.integer({ min: -2, max: 2 }).map((near) => 1024 * 1024 + near),
      fc.integer({ min: 0, max: 300 }).map((before) => wholeBytes - before),
    );
    fc.assert(
      fc.property(place, place, (a, b) => {
        const [from, to] = [Math.min(a, b), Math.max(a, b)];
        return read(wholeBytes, type, [from, to]).equals(whole.subarray(from, to));
      }),
    );
  });

  test('has exactly the length that was asked for', () => {
    fc.assert(fc.property(fc.nat(600_000), (bytes) => read(bytes, type).length === bytes));
  });

  test('repeats no stretch of 16 KiB', () => {
    const whole = read(wholeBytes, type);
    const digests = new Set<string>();
    const stretches = Math.floor(whole.length / 16_384);
    for (let at = 0; at < stretches; at += 1) {
      digests.add(
        createHash('sha1')
          .update(whole.subarray(at * 16_384, (at + 1) * 16_384))
          .digest('hex'),
      );
    }
    expect(digests.size).toBe(stretches);
  });

  test('differs from seed to seed', () => {
    const [one] = generatedBody(1000, 1, type).chunks(0, 1000);
    const [two] = generatedBody(1000, 2, type).chunks(0, 1000);
    expect(one!.equals(two!)).toBe(false);
  });
});

test('a json body is JSON at every length but none, its records numbered from 0', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 400_000 }), (bytes) => {
      const records = JSON.parse(read(bytes, 'json').toString()) as { id: number }[] | number;
      if (!Array.isArray(records)) return bytes === 1;
      return (
        records.length === Math.floor((bytes - 1) / 128) && records.every(({ id }, index) => id === index)
      );
    }),
    { numRuns: 50, examples: [[1], [2], [128], [129], [257], [262_144], [262_145]] },
  );
});

test('a random body does not compress, a json body does', () => {
  expect(gzipSync(read(1_000_000, 'random')).length).toBeGreaterThan(1_000_000);
  expect(gzipSync(read(1_000_000, 'json')).length).toBeLessThan(500_000);
});
