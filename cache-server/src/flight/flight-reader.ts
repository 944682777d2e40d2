/** One reader of a flight's body, from any position to the end. */
import type { BodyPart, EntryBody, FramePart } from '../entry/entry-answer.ts';
import { CacheServerError } from '../errors.ts';
import type { FlightBody } from './flight-body.ts';
import type { ReaderPlace } from './reader-place.ts';

/** Reads stored partitions, for readers that fell behind the window. */
export interface StoredPartitions {
  readonly scope: string;
  /** Frames in the order of the digests. @throws CacheServerError `store` when one is missing or damaged */
  read(digests: readonly Uint8Array[]): Promise<readonly StoredFrame[]>;
}

/** A stored partition. */
export interface StoredFrame {
  readonly digest: Uint8Array;
  readonly frame: Uint8Array;
}

/** What a reader needs to know of its flight. */
export interface ReaderOptions {
  readonly version: string;
  readonly body: FlightBody;
  readonly stored: StoredPartitions;
  /** Size of a full partition. */
  readonly partitionBytes: number;
}

/** Takes a place in the body at once; the caller opens or releases it. */
export function announceReader(options: ReaderOptions): EntryBody {
  const { version, body } = options;
  const place = body.places.announce();
  return {
    version,
    get stored() {
      return body.storing;
    },
    get bodyBytes() {
      return body.bodyBytes;
    },
    get inline() {
      return body.whole;
    },
    open: (offset, signal) => {
      body.places.enter(place, offset);
      return read(options, place, signal);
    },
    release: () => body.places.leave(place),
  };
}

async function* read(
  { body, stored, partitionBytes }: ReaderOptions,
  place: ReaderPlace,
  signal: AbortSignal,
): AsyncGenerator<BodyPart, void, undefined> {
  const wake = (): void => place.wake();
  signal.addEventListener('abort', wake);
  try {
    for (;;) {
      signal.throwIfAborted();
      const { whole } = body;
      if (whole !== undefined && place.offset <= whole.length) {
        if (place.offset < whole.length) yield { kind: 'raw', bytes: whole.subarray(place.offset) };
        return;
      }
      const step = body.stepFor(place);
      if (step.kind === 'end') return;
      if (step.kind === 'wait') await body.places.untilWoken(place);
      else if (step.kind === 'view') {
        const { bytes, memory } = step.view;
        // Held while the reader uses it: the window may drop the segment meanwhile, but nobody fills it anew.
        memory.hold();
        try {
          yield { kind: 'raw', bytes };
        } finally {
          memory.release();
        }
        body.places.advance(place, place.offset + bytes.length);
      } else {
        for (const frame of await stored.read(step.digests)) {
          const skipBytes = place.offset % partitionBytes;
          // The last one is shorter, and whoever comes when the window has gone reads that from the store, too.
          const bodyBytes = Math.min(partitionBytes, body.arrivedBytes - (place.offset - skipBytes));
          const part = framePart(frame, { scope: stored.scope, skipBytes, bodyBytes });
          yield part;
          body.places.advance(place, place.offset + part.bodyBytes);
        }
      }
    }
  } finally {
    signal.removeEventListener('abort', wake);
    body.places.leave(place);
  }
}

/** A stored partition without its first bytes. */
function framePart(
  { digest, frame }: StoredFrame,
  { scope, skipBytes, bodyBytes }: Pick<FramePart, 'scope' | 'skipBytes' | 'bodyBytes'>,
): FramePart {
  if (skipBytes >= bodyBytes)
    throw new CacheServerError('store', 'a stored partition is shorter than its place in the body');
  return { kind: 'frame', scope, digest, frame, skipBytes, bodyBytes: bodyBytes - skipBytes };
}
