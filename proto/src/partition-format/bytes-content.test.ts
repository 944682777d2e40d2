import { decode, encode } from '@msgpack/msgpack';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { contentDigest, decodeBytes, encodeBytes } from './index.ts';

const sizes = fc.oneof(fc.nat(300), fc.constantFrom(0, 255, 256, 65_535, 65_536));
const bytes = fc.oneof(
  fc.uint8Array(),
  sizes.map((size) => new Uint8Array(size).fill(7)),
);

test('bytes come back equal, as a view of the content', () => {
  fc.assert(
    fc.property(bytes, (body) => {
      const content = encodeBytes(body);
      const decoded = decodeBytes(content);
      expect(decoded.equals(body)).toBe(true);
      expect(decoded.buffer).toBe(content.buffer);
    }),
  );
});

test('the content is the same MessagePack bin that another library writes and reads', () => {
  fc.assert(
    fc.property(bytes, (body) => {
      const content = encodeBytes(body);
      expect(content.equals(encode(body))).toBe(true);
      expect(Buffer.from(decode(content) as Uint8Array).equals(body)).toBe(true);
    }),
  );
});

test('content that is no bin, or not as long as it says, is malformed', () => {
  const content = encodeBytes(Buffer.from('pannier'));
  const wrong = [
    Buffer.alloc(0),
    content.subarray(0, 1),
    content.subarray(0, -1),
    Buffer.concat([content, content]),
    encode('text'),
  ];
  for (const bad of wrong)
    expect(() => decodeBytes(bad)).toThrow(expect.objectContaining({ code: 'malformed' }));
});

test('a digest depends on content and kind, and stays what it was', () => {
  const content = encodeBytes(Buffer.from('pannier'));
  expect(contentDigest(content, 'original').toString('hex')).toBe(
    '5d9ae0a849a0e077742f93cd47de62377821eabfe9c7d7a9ee0eb2c546a5ffef',
  );
  expect(contentDigest(content, 'dataset')).not.toEqual(contentDigest(content, 'original'));
  expect(contentDigest(content.subarray(1), 'original')).not.toEqual(contentDigest(content, 'original'));
});
