import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BodyRing } from './body-ring.ts';
import { SegmentPool } from './segment-memory.ts';

const SEGMENT_BYTES = 1000;

function pool(): SegmentPool {
  return new SegmentPool({ segmentBytes: SEGMENT_BYTES, bytesMax: 1e9, keptBytesMax: 3000 });
}

/** Fills a ring as a flight does. */
function append(ring: BodyRing, chunk: Buffer): void {
  for (let taken = 0; taken < chunk.length;) {
    if (ring.open === undefined) ring.extend();
    taken += ring.append(chunk.subarray(taken));
  }
}

describe('the ring of a body', () => {
  it('gives back what was put in, at every position that it still holds', () => {
    fc.assert(
      fc.property(
        fc.array(fc.uint8Array({ maxLength: 2500 }), { maxLength: 8 }),
        fc.boolean(),
        fc.nat(5),
        (chunks, isLengthKnown, dropped) => {
          const body = Buffer.concat(chunks);
          const ring = new BodyRing(pool(), isLengthKnown ? body.length : undefined);
          for (const chunk of chunks) append(ring, Buffer.from(chunk));
          for (let i = 0; i < dropped; i += 1) ring.dropFirst();
          expect(ring.end).toBe(body.length);
          for (let at = 0; at <= body.length; at += 97) {
            const view = ring.viewAt(at, 300)?.bytes;
            if (at < ring.start || at === body.length) expect(view).toBeUndefined();
            else expect(view?.equals(body.subarray(at, at + (view?.length ?? 0)))).toBe(true);
          }
        },
      ),
    );
  });

  it('keeps a view valid while it is held, although the segment grows or is dropped and its memory used again', () => {
    const shared = pool();
    const ring = new BodyRing(shared, undefined);
    append(ring, Buffer.alloc(SEGMENT_BYTES, 1));
    const view = ring.viewAt(0, 500)!;
    view.memory.hold();
    ring.dropFirst();
    for (let i = 0; i < 5; i += 1) append(ring, Buffer.alloc(SEGMENT_BYTES, 2));
    expect(view.bytes.every((byte) => byte === 1)).toBe(true);
    view.memory.release();
    ring.clear();
    expect(shared.usedBytes).toBe(0);
  });

  it('uses the memory of full segments again', () => {
    const shared = pool();
    const first = shared.take(SEGMENT_BYTES);
    const { bytes } = first;
    first.release();
    expect(shared.take(SEGMENT_BYTES).bytes).toBe(bytes);
  });
});
