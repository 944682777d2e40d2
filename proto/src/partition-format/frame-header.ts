import { PARTITION_FORMAT_VERSION } from './content-digest.ts';
import { PartitionFormatError } from './partition-format-error.ts';

/**
 * Bytes before the payload of a frame. Numbers are big-endian, as everywhere in MessagePack.
 *
 * | offset | bytes | field                                                                            |
 * |--------|-------|----------------------------------------------------------------------------------|
 * | 0      | 4     | magic, ASCII `PNRP`                                                              |
 * | 4      | 1     | format version, 1                                                                |
 * | 5      | 1     | codec: 0 none, 1 zstd (one zstd frame, its content size present)                 |
 * | 6      | 2     | reserved, 0                                                                      |
 * | 8      | 4     | content length: uncompressed bytes                                               |
 * | 12     | 4     | payload length: bytes after this header                                          |
 * | 16     | 4     | CRC32 (zlib's) over scope in UTF-8, digest (32 bytes), header bytes 0-15, payload |
 * | 20     | …     | payload                                                                          |
 *
 * A reader in another language may skip the checksum. In Python:
 * `msgpack.unpackb(zstandard.decompress(frame[20:]) if frame[5] else frame[20:])`.
 */
export const FRAME_HEADER_BYTES = 20;

const MAGIC = 0x504e5250; // "PNRP"
const CHECKSUM_OFFSET = 16;
const CODECS = ['none', 'zstd'] as const;

export type FrameCodec = (typeof CODECS)[number];

/** A frame's header. Lengths in bytes: `contentBytes` uncompressed, `payloadBytes` as stored after the header. */
export type FrameInfo = {
  readonly version: number;
  readonly codec: FrameCodec;
  readonly contentBytes: number;
  readonly payloadBytes: number;
  readonly checksum: number;
};

/** Fills the first 20 bytes of `frame`; `checksumOf` is called with the frame once all before the checksum is in place. */
export function writeFrameHeader(
  frame: Buffer,
  info: Omit<FrameInfo, 'checksum'>,
  checksumOf: (frame: Buffer) => number,
): void {
  frame.writeUInt32BE(MAGIC, 0);
  frame.writeUInt8(info.version, 4);
  frame.writeUInt8(CODECS.indexOf(info.codec), 5);
  frame.writeUInt16BE(0, 6);
  frame.writeUInt32BE(info.contentBytes, 8);
  frame.writeUInt32BE(info.payloadBytes, 12);
  frame.writeUInt32BE(checksumOf(frame), CHECKSUM_OFFSET);
}

/** @throws PartitionFormatError `truncated`, `bad-magic`, `unknown-version`, `unknown-codec` */
export function readFrameHeader(frame: Uint8Array): FrameInfo {
  if (frame.byteLength < FRAME_HEADER_BYTES) {
    throw new PartitionFormatError('truncated', `${frame.byteLength} bytes are less than a header`);
  }
  const header = new DataView(frame.buffer, frame.byteOffset, FRAME_HEADER_BYTES);
  if (header.getUint32(0) !== MAGIC) throw new PartitionFormatError('bad-magic', 'not a partition frame');
  const version = header.getUint8(4);
  // Nothing past the version may be interpreted before it is known: a newer layout may have moved it.
  if (version !== PARTITION_FORMAT_VERSION) {
    throw new PartitionFormatError('unknown-version', `partition format ${version}`);
  }
  const codec = CODECS[header.getUint8(5)];
  if (codec === undefined) throw new PartitionFormatError('unknown-codec', `codec ${header.getUint8(5)}`);
  return {
    version,
    codec,
    contentBytes: header.getUint32(8),
    payloadBytes: header.getUint32(12),
    checksum: header.getUint32(CHECKSUM_OFFSET),
  };
}
