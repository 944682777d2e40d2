import fc from 'fast-check';
import { expect, it } from 'vitest';
import { versionId } from './version-id.ts';

it('Versions have 26 characters and sort by their time.', () => {
  const time = fc.integer({ min: 0, max: 2 ** 48 - 1 });
  fc.assert(
    fc.property(time, time, (one, other) => {
      const a = versionId(one, Math.random);
      const b = versionId(other, Math.random);
      expect(a).toMatch(/^[0-9A-Z]{26}$/);
      if (one < other) expect(a < b).toBe(true);
    }),
  );
});
