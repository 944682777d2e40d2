/** The opcodes that the echo tells apart (RFC 6455 §5.2); 0 to 2 carry data. */
export const opcodes = { close: 0x8, ping: 0x9, pong: 0xa } as const;

/** One frame as it came from a client, unmasked. */
export interface Frame {
  final: boolean;
  opcode: number;
  payload: Buffer;
}

/** A longer frame closes the connection with code 1009. */
const payloadBytesMax = 1024 * 1024;

/** What {@link readFrame} found at the start of the bytes. */
export type FrameReading =
  | { state: 'frame'; frame: Frame; byteLength: number }
  | { state: 'incomplete' }
  | { state: 'refused'; closeCode: number };

const incomplete: FrameReading = { state: 'incomplete' };

function unmasked(payload: Buffer, mask: Buffer): Buffer {
  return Buffer.from(payload.map((byte, index) => byte ^ (mask[index % 4] ?? 0)));
}

/** Reads one frame of a client (RFC 6455 §5.2). Refuses unmasked frames (§5.1), extensions and over-long payloads. */
export function readFrame(bytes: Buffer): FrameReading {
  const [first, second] = bytes;
  if (first === undefined || second === undefined) return incomplete;
  if ((second & 0x80) === 0 || (first & 0x70) !== 0) return { state: 'refused', closeCode: 1002 };
  const shortLength = second & 0x7f;
  const lengthBytes = shortLength === 127 ? 8 : shortLength === 126 ? 2 : 0;
  const maskAt = 2 + lengthBytes;
  const payloadAt = maskAt + 4;
  if (bytes.length < payloadAt) return incomplete;
  let length = shortLength;
  if (lengthBytes === 2) length = bytes.readUInt16BE(2);
  if (lengthBytes === 8) length = Number(bytes.readBigUInt64BE(2));
  if (length > payloadBytesMax) return { state: 'refused', closeCode: 1009 };
  const byteLength = payloadAt + length;
  if (bytes.length < byteLength) return incomplete;
  const payload = unmasked(bytes.subarray(payloadAt, byteLength), bytes.subarray(maskAt, payloadAt));
  return {
    state: 'frame',
    frame: { final: (first & 0x80) !== 0, opcode: first & 0x0f, payload },
    byteLength,
  };
}

/** Writes a frame as servers do: without a mask (RFC 6455 §5.1). */
export function writeFrame({ final, opcode, payload }: Frame): Buffer {
  const { length } = payload;
  const head = Buffer.alloc(length < 126 ? 2 : length < 65_536 ? 4 : 10);
  head[0] = (final ? 0x80 : 0) | opcode;
  head[1] = head.length === 2 ? length : head.length === 4 ? 126 : 127;
  if (head.length === 4) head.writeUInt16BE(length, 2);
  if (head.length === 10) head.writeBigUInt64BE(BigInt(length), 2);
  return Buffer.concat([head, payload]);
}

/** A close frame with its code (RFC 6455 §5.5.1). */
export function closeFrame(code: number): Buffer {
  const payload = Buffer.alloc(2);
  payload.writeUInt16BE(code);
  return writeFrame({ final: true, opcode: opcodes.close, payload });
}
