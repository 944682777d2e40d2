import { addExtension, Packr, RESET_BUFFER_MODE } from 'msgpackr';
import { EXACT_NUMBER_EXTENSION, ExactNumber } from './exact-number.ts';
import { PartitionFormatError } from './partition-format-error.ts';

// msgpackr's types do not know int64AsType 'auto', hence `object`. What each option keeps us from:
const options: object = {
  useRecords: false, // its private record extension, which no other decoder reads
  variableMapSize: true, // a map of more than 65,535 fields, whose count would wrap
  useToJSON: false, // calling a field of the upstream's that happens to be called toJSON
  encodeUndefinedAsNil: true, // its private extension for undefined
  int64AsType: 'auto', // rounding integers beyond 2^53: those become BigInt
  copyBuffers: true, // a 20-byte binary field that keeps a whole partition alive
};
const packr = new Packr(options);

// Global to msgpackr, which is why no other file of the project imports it.
addExtension({
  Class: ExactNumber,
  type: EXACT_NUMBER_EXTENSION,
  pack: (number: ExactNumber) => Buffer.from(number.text, 'latin1'),
  unpack: (text) => new ExactNumber(Buffer.from(text).toString('latin1')),
});

/** Above this, msgpackr's working buffer (four times what it wrote) is given back instead of reused. */
const KEPT_RESULT_BYTES_MAX = 4 * 1024 * 1024;

/**
 * Plain MessagePack of one value.
 *
 * @returns bytes of their own: msgpackr's result is a view of its working buffer, which the next call overwrites
 * @throws PartitionFormatError `unencodable`, e.g. for nesting deeper than the call stack
 */
export function packValue(value: unknown): Buffer {
  try {
    const packed = packr.pack(value, RESET_BUFFER_MODE);
    const own = Buffer.from(packed);
    if (own.length > KEPT_RESULT_BYTES_MAX) packr.useBuffer(Buffer.allocUnsafeSlow(8192));
    return own;
  } catch (cause) {
    throw new PartitionFormatError('unencodable', 'the records cannot be written as MessagePack', { cause });
  }
}

/**
 * The one value that the bytes hold.
 *
 * @throws PartitionFormatError `malformed` for anything but exactly one value
 */
export function unpackValue(content: Uint8Array): unknown {
  try {
    const value: unknown = packr.unpack(content);
    return value;
  } catch (cause) {
    throw new PartitionFormatError('malformed', 'the content is not one MessagePack value', { cause });
  }
}
