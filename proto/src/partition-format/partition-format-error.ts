/**
 * Why a partition could not be written or read.
 *
 * - `truncated`        the frame ends before its header or its announced payload does
 * - `bad-magic`        the bytes are no partition frame
 * - `unknown-version`  written by a newer Pannier; a store treats it as a miss
 * - `unknown-codec`    the header names a compression this version does not know
 * - `length-mismatch`  bytes follow the payload, or the content is not as long as announced
 * - `checksum`         damaged, or stored under another scope or digest
 * - `too-large`        the content is longer than the reader allows, or than a frame can hold
 * - `corrupt-payload`  the checksum holds but zstd refuses the payload
 * - `malformed`        the content is not MessagePack in the layout its kind promises
 * - `unencodable`      a record holds what MessagePack or JSON cannot
 * - `bad-digest`       a digest that is not 32 bytes was passed in
 */
export type PartitionFormatErrorCode =
  | 'truncated'
  | 'bad-magic'
  | 'unknown-version'
  | 'unknown-codec'
  | 'length-mismatch'
  | 'checksum'
  | 'too-large'
  | 'corrupt-payload'
  | 'malformed'
  | 'unencodable'
  | 'bad-digest';

/** The one error of this package's partition format; `code` is closed, `cause` is what the library beneath threw. */
export class PartitionFormatError extends Error {
  override readonly name = 'PartitionFormatError';
  readonly code: PartitionFormatErrorCode;

  constructor(code: PartitionFormatErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
