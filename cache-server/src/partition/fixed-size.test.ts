import { contentDigest, encodeBytes, encodeFrame } from '@pannier/proto/partition-format';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { contentInPlace, openPartition } from './fixed-size.ts';

describe('a fixed-size partition', () => {
  it('has the content that encodeBytes makes of a copy', () => {
    const lengths = fc.oneof(fc.nat(300), fc.constantFrom(0, 255, 256, 65_535, 65_536, 524_288));
    fc.assert(
      fc.property(lengths, fc.nat(255), (length, fill) => {
        const memory = Buffer.alloc(8 + length + 9, fill);
        expect(contentInPlace(memory, 8, length).equals(encodeBytes(Buffer.alloc(length, fill)))).toBe(true);
      }),
    );
  });

  it('opens again, and only as long as its entry says', async () => {
    const bytes = Buffer.from('some bytes of a body');
    const content = encodeBytes(bytes);
    const digest = contentDigest(content, 'original');
    const frame = await encodeFrame(content, { scope: 'geo', digest, compress: true });
    const open = async (bodyBytes: number, scope = 'geo'): Promise<Buffer> =>
      await openPartition({ digest, frame }, { scope, bodyBytes });
    expect((await open(bytes.length)).equals(bytes)).toBe(true);
    await expect(open(bytes.length + 1)).rejects.toMatchObject({ code: 'store' });
    await expect(open(bytes.length - 1)).rejects.toMatchObject({ code: 'store' });
    await expect(open(bytes.length, 'other')).rejects.toMatchObject({ code: 'store' });
  });
});
