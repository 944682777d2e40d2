import fc from 'fast-check';
import { expect, test } from 'vitest';
import { batchesOf } from './batches.ts';

test('batches hold everything in order, and no more than they may unless one item alone is larger', () => {
  const sizes = fc.array(fc.nat(150));
  fc.assert(
    fc.property(sizes, fc.integer({ min: 1, max: 10 }), (items, itemsMax) => {
      const batches = [...batchesOf(items, { itemsMax, bytesMax: 100, bytesOf: (size) => size })];
      expect(batches.flat()).toEqual(items);
      for (const batch of batches) {
        const bytes = batch.reduce((sum, size) => sum + size, 0);
        expect(batch.length).toBeGreaterThan(0);
        expect(batch.length).toBeLessThanOrEqual(itemsMax);
        expect(batch.length === 1 || bytes <= 100).toBe(true);
      }
    }),
  );
});
