import { randomBytes } from 'node:crypto';
import { crc32, zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import { decode } from '@msgpack/msgpack';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  contentDigest,
  decodeFrame,
  decodeRecords,
  encodeBytes,
  encodeFrame,
  encodeRecords,
  FRAME_HEADER_BYTES,
  frameInfo,
  PartitionFormatError,
} from './index.ts';
import type { PartitionFormatErrorCode } from './index.ts';
import { writeFrameHeader } from './frame-header.ts';

const contentBytesMax = 1024 * 1024;
const text = encodeBytes(Buffer.from('a basket carried at one’s side; '.repeat(40)));
const binding = { scope: 'cities', digest: contentDigest(text, 'original') };
const frames = {
  zstd: await encodeFrame(text, { ...binding, compress: true }),
  none: await encodeFrame(text, { ...binding, compress: false }),
};

/** The code of the error that decoding throws, or undefined when it succeeds. */
async function codeOf(
  frame: Uint8Array,
  options: Partial<Parameters<typeof decodeFrame>[1]> = {},
): Promise<PartitionFormatErrorCode | undefined> {
  try {
    await decodeFrame(frame, { ...binding, contentBytesMax, ...options });
    return undefined;
  } catch (error) {
    if (error instanceof PartitionFormatError) return error.code;
    throw error;
  }
}

test('content comes back equal, compressed or not', async () => {
  const contents = fc.oneof(
    fc.uint8Array(),
    fc.tuple(fc.uint8Array({ minLength: 1 }), fc.nat(3000)).map(([unit, size]) => Buffer.alloc(size, unit)),
  );
  await fc.assert(
    fc.asyncProperty(contents, fc.boolean(), fc.string(), async (content, compress, scope) => {
      const options = { scope, digest: contentDigest(content, 'dataset') };
      const frame = await encodeFrame(content, { ...options, compress });
      expect((await decodeFrame(frame, { ...options, contentBytesMax })).equals(content)).toBe(true);
    }),
  );
});

test('any flipped bit is detected', async () => {
  for (const frame of Object.values(frames)) {
    for (let bit = 0; bit < frame.length * 8; bit += 1) {
      const damaged = Buffer.from(frame);
      damaged[bit >> 3]! ^= 1 << (bit & 7);
      expect(await codeOf(damaged), `bit ${bit}`).toBeDefined();
    }
  }
});

test('a frame cut anywhere is truncated, and one that goes on is not accepted', async () => {
  for (const frame of Object.values(frames)) {
    for (let length = 0; length < frame.length; length += 1)
      expect(await codeOf(frame.subarray(0, length))).toBe('truncated');
    expect(await codeOf(Buffer.concat([frame, Buffer.from([0])]))).toBe('length-mismatch');
    expect(await codeOf(Buffer.concat([frame, frame]))).toBe('length-mismatch');
  }
});

test('a frame under another scope or digest is refused', async () => {
  const otherDigest = contentDigest(Buffer.from('other'), 'original');
  for (const frame of Object.values(frames)) {
    expect(await codeOf(frame)).toBeUndefined();
    expect(await codeOf(frame, { scope: 'citie' })).toBe('checksum');
    expect(await codeOf(frame, { digest: otherDigest })).toBe('checksum');
  }
});

test('each kind of bad header has its code', async () => {
  const withByte = (offset: number, value: number): Buffer => {
    const frame = Buffer.from(frames.none);
    frame[offset] = value;
    return frame;
  };
  expect(await codeOf(withByte(0, 0))).toBe('bad-magic');
  expect(await codeOf(withByte(4, 2))).toBe('unknown-version');
  expect(await codeOf(withByte(5, 9))).toBe('unknown-codec');
  expect(await codeOf(frames.none, { digest: Buffer.alloc(31) })).toBe('bad-digest');
  await expect(encodeFrame(text, { ...binding, digest: Buffer.alloc(33), compress: false })).rejects.toThrow(
    '32 bytes',
  );
});

test('content longer than the reader allows is refused before it is decoded', async () => {
  for (const frame of Object.values(frames)) {
    expect(await codeOf(frame, { contentBytesMax: text.length })).toBeUndefined();
    expect(await codeOf(frame, { contentBytesMax: text.length - 1 })).toBe('too-large');
  }
});

test('a payload that decompresses to another length than announced, or not at all, is refused', async () => {
  const forged = (payload: Uint8Array, contentBytes: number): Buffer => {
    const frame = Buffer.concat([Buffer.alloc(FRAME_HEADER_BYTES), payload]);
    const info = { version: 1, codec: 'zstd', contentBytes, payloadBytes: payload.length } as const;
    const bound = crc32(binding.digest, crc32(binding.scope));
    writeFrameHeader(frame, info, () => crc32(payload, crc32(frame.subarray(0, 16), bound)));
    return frame;
  };
  const payload = zstdCompressSync(text);
  expect(await codeOf(forged(payload, text.length))).toBeUndefined();
  expect(await codeOf(forged(payload, text.length - 1))).toBe('length-mismatch');
  expect(await codeOf(forged(payload, text.length + 1))).toBe('length-mismatch');
  expect(await codeOf(forged(payload.subarray(0, -1), text.length))).toBe('corrupt-payload');
  expect(await codeOf(forged(randomBytes(50), text.length))).toBe('corrupt-payload');
});

test('compression that saves nothing is not kept, nor is a tiny content compressed', async () => {
  const noise = randomBytes(4096);
  for (const content of [noise, Buffer.from('aaaaaaaaaaaaaaaaaaaaaaaa')]) {
    const frame = await encodeFrame(content, { ...binding, compress: true });
    expect(frameInfo(frame)).toMatchObject({
      codec: 'none',
      contentBytes: content.length,
      payloadBytes: content.length,
    });
  }
  expect(frameInfo(frames.zstd)).toMatchObject({ version: 1, codec: 'zstd', contentBytes: text.length });
});

test('uncompressed content is decoded as a view of the frame', async () => {
  const content = await decodeFrame(frames.none, { ...binding, contentBytesMax });
  expect(content.buffer).toBe(frames.none.buffer);
  expect(content.byteOffset).toBe(frames.none.byteOffset + FRAME_HEADER_BYTES);
});

test('a foreign reader skips the header, decompresses and reads MessagePack', async () => {
  const records = Array.from({ length: 200 }, (_, id) => ({ id, country: 'CZ' }));
  const content = encodeRecords(records);
  const options = { scope: 'cities', digest: contentDigest(content, 'dataset') };
  const frame = await encodeFrame(content, { ...options, compress: true });
  const payload = frame.subarray(20);
  // Single-segment flag of zstd's own header: the content size is there, as one-shot decoders need it.
  expect(payload[4]! & 0x20).toBe(0x20);
  const [runs, [block]] = decode(zstdDecompressSync(payload)) as [number[], [[string[], unknown[][]]]];
  expect(runs).toEqual([0, 200]);
  expect(block[0]).toEqual(['id', 'country']);
  expect(decodeRecords(await decodeFrame(frame, { ...options, contentBytesMax }))).toEqual(records);
});
