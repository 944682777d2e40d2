import fc from 'fast-check';
import { expect, test } from 'vitest';
import { closeFrame, readFrame, writeFrame } from './websocket-frames.ts';

/** As a client writes it: the server's frame with the mask bit, the mask, and the payload under it. */
function masked(frame: Parameters<typeof writeFrame>[0], mask: Uint8Array): Buffer {
  const bare = writeFrame(frame);
  const head = bare.subarray(0, bare.length - frame.payload.length);
  head[1]! |= 0x80;
  return Buffer.concat([head, mask, frame.payload.map((byte, index) => byte ^ mask[index % 4]!)]);
}

const frames = fc.record({
  final: fc.boolean(),
  opcode: fc.nat(15),
  payload: fc.oneof(
    fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes)),
    fc.constantFrom(125, 126, 65_535, 65_536).map((length) => Buffer.alloc(length, 'pannier')),
  ),
});
const masks = fc.uint8Array({ minLength: 4, maxLength: 4 });

test('what a client masks is read back, and what follows is left alone', () => {
  fc.assert(
    fc.property(frames, masks, fc.uint8Array({ maxLength: 20 }), (frame, mask, rest) => {
      const bytes = masked(frame, mask);
      const reading = readFrame(Buffer.concat([bytes, rest]));
      expect(reading).toEqual({ state: 'frame', frame, byteLength: bytes.length });
    }),
  );
});

test('any beginning of a frame is incomplete', () => {
  fc.assert(
    fc.property(
      frames,
      masks,
      fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true }),
      (frame, mask, share) => {
        const bytes = masked(frame, mask);
        expect(readFrame(bytes.subarray(0, Math.floor(bytes.length * share))).state).toBe('incomplete');
      },
    ),
  );
});

test('an unmasked frame, an extension and an over-long one are refused with their close codes', () => {
  const text = { final: true, opcode: 1, payload: Buffer.from('hello') };
  const extended = masked(text, new Uint8Array(4));
  extended[0]! |= 0x40;
  const long = Buffer.alloc(14);
  long.writeUInt16BE(0x82ff);
  long.writeBigUInt64BE(2n ** 40n, 2);
  expect(readFrame(writeFrame(text))).toEqual({ state: 'refused', closeCode: 1002 });
  expect(readFrame(extended)).toEqual({ state: 'refused', closeCode: 1002 });
  expect(readFrame(long)).toEqual({ state: 'refused', closeCode: 1009 });
  expect(closeFrame(1009)).toEqual(Buffer.from([0x88, 2, 0x03, 0xf1]));
});
