/** Putting a representation together from parts of it: https://www.rfc-editor.org/rfc/rfc9111#section-3.4 */
import type { ByteRange } from './ranges.ts';

/** Bytes of a representation that somebody holds: the one at `first` stands `skipBytes` behind the beginning of what is held. */
export type Piece<T> = ByteRange & { readonly skipBytes: number; readonly held: T };

/**
 * Adds a piece to others of the same representation. They never overlap: what an older piece has of the bytes of the new one is cut off.
 * Whoever calls has seen that all of them have the same strong validator.
 *
 * @param pieces the newest last
 * @returns the newest last; the same pieces where one of them has all the bytes already
 */
export function addPiece<T>(pieces: readonly Piece<T>[], added: Piece<T>): readonly Piece<T>[] {
  if (pieces.some(({ first, last }) => first <= added.first && added.last <= last)) return pieces;
  return [...pieces.flatMap((piece) => outside(piece, added)), added];
}

/** What is left of a piece where another one takes its bytes; the other one does not lie inside of it. */
function outside<T>(piece: Piece<T>, { first, last }: ByteRange): Piece<T>[] {
  if (piece.last < first || last < piece.first) return [piece];
  if (piece.first < first) return [{ ...piece, last: first - 1 }];
  if (piece.last <= last) return [];
  return [{ ...piece, first: last + 1, skipBytes: piece.skipBytes + last + 1 - piece.first }];
}

/** The newest pieces, as many as there is room for; the last one is always among them. */
export function newestPieces<T>(
  pieces: readonly Piece<T>[],
  { countMax, bytesMax }: { countMax: number; bytesMax: number },
): readonly Piece<T>[] {
  let bytes = 0;
  const from = pieces.findLastIndex((piece, index) => {
    bytes += pieceBytes(piece);
    return index < pieces.length - 1 && (pieces.length - index > countMax || bytes > bytesMax);
  });
  return pieces.slice(from + 1);
}

/** Length of a piece in bytes. */
export function pieceBytes({ first, last }: ByteRange): number {
  return last - first + 1;
}

/** The pieces that have the bytes of a range, in their order and cut to it; undefined when one byte of it is missing. */
export function piecesOf<T>(
  pieces: readonly Piece<T>[],
  { first, last }: ByteRange,
): readonly Piece<T>[] | undefined {
  const found: Piece<T>[] = [];
  let next = first;
  for (const piece of inOrder(pieces)) {
    if (piece.last < next || next > last) continue;
    if (piece.first > next) return undefined;
    found.push({
      ...piece,
      first: next,
      last: Math.min(piece.last, last),
      skipBytes: piece.skipBytes + next - piece.first,
    });
    next = piece.last + 1;
  }
  return next > last ? found : undefined;
}

/** From the first byte that is missing to the last one; undefined where none is. */
export function missingRange<T>(pieces: readonly Piece<T>[], completeBytes: number): ByteRange | undefined {
  let next = 0;
  let missing: ByteRange | undefined;
  for (const piece of [...inOrder(pieces), { first: completeBytes, last: completeBytes }]) {
    if (piece.first > next) missing = { first: missing?.first ?? next, last: piece.first - 1 };
    next = piece.last + 1;
  }
  return missing;
}

function inOrder<T>(pieces: readonly Piece<T>[]): readonly Piece<T>[] {
  return pieces.toSorted((one, other) => one.first - other.first);
}
