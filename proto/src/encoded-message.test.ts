import { create, equals, fromBinary } from '@bufbuild/protobuf';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  FetchResponseSchema,
  RawBytesSchema,
  StoredPartitionSchema,
} from './gen/pannier/cache/v1/exchange_pb.ts';
import { encodeLarge } from './encoded-message.ts';
import { serializer } from './grpc-service-definition.ts';

const { raw, partition } = FetchResponseSchema.field;

test('a partition that was encoded by one copy reads as the message that it stands for', () => {
  const bytes = fc.uint8Array({ maxLength: 70_000 });
  fc.assert(
    fc.property(
      fc.string(),
      bytes,
      bytes,
      fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
      (scope, digest, frame, skipBytes) => {
        const encoded = encodeLarge({
          outer: partition,
          schema: StoredPartitionSchema,
          inner: create(StoredPartitionSchema, { scope, digest, skipBytes }),
          field: StoredPartitionSchema.field.frame,
          value: frame,
        });
        const expected = create(FetchResponseSchema, {
          part: { case: 'partition', value: { scope, digest, frame, skipBytes } },
        });
        expect(equals(FetchResponseSchema, fromBinary(FetchResponseSchema, encoded.bytes), expected)).toBe(
          true,
        );
      },
    ),
    { numRuns: 50 },
  );
});

test('what is encoded already passes the serializer as it is', () => {
  const encoded = encodeLarge({
    outer: raw,
    schema: RawBytesSchema,
    inner: create(RawBytesSchema),
    field: RawBytesSchema.field.data,
    value: Buffer.from('body'),
  });
  expect(serializer(FetchResponseSchema)(encoded as never)).toBe(encoded.bytes);
});
