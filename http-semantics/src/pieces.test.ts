import fc from 'fast-check';
import { expect, test } from 'vitest';
import { addPiece, missingRange, newestPieces, pieceBytes, piecesOf } from './pieces.ts';
import type { Piece } from './pieces.ts';
import type { ByteRange } from './ranges.ts';

const LENGTH = 40;

const range: fc.Arbitrary<ByteRange> = fc
  .tuple(fc.nat(LENGTH - 1), fc.nat(LENGTH - 1))
  .map(([one, other]) => ({ first: Math.min(one, other), last: Math.max(one, other) }));

/** The representation: no two of its bytes are equal. */
const CONTENT = Uint8Array.from({ length: LENGTH }, (_, index) => index);

function contentOf({ first, last }: ByteRange): number[] {
  return Array.from(CONTENT.subarray(first, last + 1));
}

function fetched({ first, last }: ByteRange): Piece<Uint8Array> {
  return { first, last, skipBytes: 0, held: CONTENT.slice(first, last + 1) };
}

function bytesOf(pieces: readonly Piece<Uint8Array>[]): number[] {
  const bytes = (piece: Piece<Uint8Array>): number[] =>
    Array.from(piece.held.subarray(piece.skipBytes, piece.skipBytes + pieceBytes(piece)));
  return pieces.flatMap(bytes);
}

function added(ranges: readonly ByteRange[]): readonly Piece<Uint8Array>[] {
  return ranges.reduce<readonly Piece<Uint8Array>[]>((all, one) => addPiece(all, fetched(one)), []);
}

/** The naive way: a byte is there or not. */
function known(ranges: readonly ByteRange[]): boolean[] {
  return Array.from(CONTENT, (_, at) => ranges.some(({ first, last }) => first <= at && at <= last));
}

test('parts that come in any order give the bytes that they have together, and no others', () => {
  fc.assert(
    fc.property(fc.array(range, { maxLength: 12 }), range, (ranges, wanted) => {
      const pieces = added(ranges);
      const there = known(ranges);
      const isThere = there.slice(wanted.first, wanted.last + 1).every(Boolean);
      const found = piecesOf(pieces, wanted);
      expect(found && bytesOf(found)).toEqual(isThere ? contentOf(wanted) : undefined);
    }),
    { numRuns: 2000 },
  );
});

test('pieces never overlap, and each has the bytes that it says', () => {
  fc.assert(
    fc.property(fc.array(range, { maxLength: 12 }), (ranges) => {
      const pieces = added(ranges);
      const all = pieces.flatMap(contentOf);
      expect(new Set(all).size).toBe(all.length);
      for (const piece of pieces) expect(bytesOf([piece])).toEqual(contentOf(piece));
    }),
  );
});

test('what is missing reaches from the first hole to the last', () => {
  fc.assert(
    fc.property(fc.array(range, { maxLength: 12 }), (ranges) => {
      const there = known(ranges);
      const [first, last] = [there.indexOf(false), there.lastIndexOf(false)];
      expect(missingRange(added(ranges), LENGTH)).toEqual(first < 0 ? undefined : { first, last });
    }),
  );
});

test('a piece that one other has already changes nothing', () => {
  const pieces = added([{ first: 10, last: 29 }]);
  expect(addPiece(pieces, fetched({ first: 10, last: 20 }))).toBe(pieces);
  expect(addPiece(pieces, fetched({ first: 10, last: 29 }))).toBe(pieces);
});

test('of too many pieces the newest stay', () => {
  const ranges = [0, 10, 20, 30].map((first) => ({ first, last: first + 4 }));
  const firsts = (bounds: { countMax: number; bytesMax: number }): number[] =>
    newestPieces(added(ranges), bounds).map(({ first }) => first);
  expect(firsts({ countMax: 4, bytesMax: 20 })).toEqual([0, 10, 20, 30]);
  expect(firsts({ countMax: 3, bytesMax: 20 })).toEqual([10, 20, 30]);
  expect(firsts({ countMax: 9, bytesMax: 14 })).toEqual([20, 30]);
  expect(firsts({ countMax: 9, bytesMax: 1 })).toEqual([30]);
  expect(newestPieces([], { countMax: 1, bytesMax: 1 })).toEqual([]);
});
