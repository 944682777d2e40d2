/**
 * Large messages, encoded by one copy. protobuf-es copies a `bytes` field once for every message that it is nested in, and at 512 KiB a
 * message the garbage of those copies costs more than the copying.
 */
import { toBinary } from '@bufbuild/protobuf';
import type { DescField, DescMessage, MessageShape } from '@bufbuild/protobuf';
import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire';

/** A message of a schema that is encoded already. The handlers of grpc-js take it in place of the message. */
export class EncodedMessage {
  readonly bytes: Buffer;

  constructor(bytes: Buffer) {
    this.bytes = bytes;
  }
}

/** A nested message and the one large field of it that is still to come. */
export interface LargeField<T extends DescMessage> {
  /** The field of the outer message that holds `inner`. */
  readonly outer: DescField;
  readonly schema: T;
  /** All of the inner message but its large field. */
  readonly inner: MessageShape<T>;
  /** The inner field, of type `bytes`. */
  readonly field: DescField;
  /** Its value; copied. */
  readonly value: Uint8Array;
}

/** A message whose only field is a nested one with a large `bytes` field. */
export function encodeLarge<T extends DescMessage>(large: LargeField<T>): EncodedMessage {
  const { outer, schema, inner, field, value } = large;
  const rest = toBinary(schema, inner);
  const fieldHead = new BinaryWriter()
    .tag(field.number, WireType.LengthDelimited)
    .uint32(value.byteLength)
    .finish();
  const outerHead = new BinaryWriter()
    .tag(outer.number, WireType.LengthDelimited)
    .uint32(rest.byteLength + fieldHead.byteLength + value.byteLength)
    .finish();
  return new EncodedMessage(Buffer.concat([outerHead, rest, fieldHead, value]));
}
