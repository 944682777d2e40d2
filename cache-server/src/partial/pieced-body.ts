/** The body of a response of which only parts are stored: as long as the whole, and readable where its bytes are. */
import type { Piece } from '@pannier/http-semantics';
import { firstBytes } from '../fetch/body-cut.ts';
import type { BodyPart } from '../entry/entry-answer.ts';
import { CacheServerError } from '../errors.ts';
import type { PiecedBody, WholeBody } from '../entry/manifest.ts';
import type { BodyFrames } from '../partition/body-frames.ts';
import { readStoredBody } from '../partition/body-reader.ts';

/** Where the bytes of the pieces are. */
export interface PiecesStore {
  readonly scope: string;
  readonly frames: BodyFrames;
}

/**
 * The body from an offset as far as its bytes are stored without a gap. Whoever reads has seen that they are, up to where it stops.
 *
 * @throws CacheServerError `store` when a partition is missing or damaged or the store fails
 */
export async function* readPieces(
  { pieces, bodyBytes }: PiecedBody,
  store: PiecesStore,
  { offset, signal }: { offset: number; signal: AbortSignal },
): AsyncGenerator<BodyPart, void, undefined> {
  for (let next = offset; next < bodyBytes;) {
    const holder = pieces.find(({ first, last }) => first <= next && next <= last);
    if (holder === undefined)
      throw new CacheServerError('internal', `byte ${next} was read of a body of which it is not stored`);
    const skipBytes = holder.skipBytes + next - holder.first;
    yield* readPiece({ ...holder, first: next, skipBytes }, store, signal);
    next = holder.last + 1;
  }
}

async function* readPiece(
  { held, skipBytes, first, last }: Piece<WholeBody>,
  store: PiecesStore,
  signal: AbortSignal,
): AsyncGenerator<BodyPart, void, undefined> {
  const bytes = last - first + 1;
  if (held.kind === 'inline') yield { kind: 'raw', bytes: held.bytes.subarray(skipBytes, skipBytes + bytes) };
  else yield* firstBytes(readStoredBody({ body: held, ...store }, skipBytes, signal), bytes);
}
