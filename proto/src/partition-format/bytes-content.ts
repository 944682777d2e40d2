import { PartitionFormatError } from './partition-format-error.ts';

const BIN_8 = 0xc4;
const BIN_16 = 0xc5;
const BIN_32 = 0xc6;

/**
 * The content of an *original* partition: one MessagePack `bin` in its shortest form, so that equal bytes have an
 * equal digest. Written by hand, because msgpackr would reserve four times the size to write one length and a copy.
 *
 * @param bytes raw body bytes as the upstream sent them; copied
 */
export function encodeBytes(bytes: Uint8Array): Buffer {
  const length = bytes.byteLength;
  if (length > 0xffff_ffff)
    throw new PartitionFormatError('too-large', `a bin holds 4 GiB, not ${length} bytes`);
  const headBytes = length < 0x100 ? 2 : length < 0x1_0000 ? 3 : 5;
  const content = Buffer.allocUnsafe(headBytes + length);
  content[0] = headBytes === 2 ? BIN_8 : headBytes === 3 ? BIN_16 : BIN_32;
  content.writeUIntBE(length, 1, headBytes - 1);
  content.set(bytes, headBytes);
  return content;
}

/**
 * The body bytes of an *original* partition's content.
 *
 * @returns a view of `content`, not a copy: whoever keeps it keeps all of `content` alive
 * @throws PartitionFormatError `malformed`
 */
export function decodeBytes(content: Uint8Array): Buffer {
  const view = Buffer.from(content.buffer, content.byteOffset, content.byteLength);
  const lengthBytes = view[0] === BIN_8 ? 1 : view[0] === BIN_16 ? 2 : view[0] === BIN_32 ? 4 : 0;
  if (lengthBytes === 0 || view.length < 1 + lengthBytes) {
    throw new PartitionFormatError('malformed', 'the content is not a MessagePack bin');
  }
  const body = view.subarray(1 + lengthBytes);
  if (body.length !== view.readUIntBE(1, lengthBytes)) {
    throw new PartitionFormatError('malformed', 'the MessagePack bin is not as long as it says');
  }
  return body;
}
