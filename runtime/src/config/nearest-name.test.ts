import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { nearestName } from './nearest-name.ts';

describe('nearestName', () => {
  it.each([
    ['prot', 'port'],
    ['adminport', 'adminPort'],
    ['hots', 'host'],
    ['redsi', 'redis'],
  ])('takes %s for %s', (name, nearest) => {
    expect(nearestName(name, ['host', 'port', 'adminPort', 'redis'])).toBe(nearest);
  });

  it('finds every name itself', () => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.stringMatching(/^[a-z]{1,9}$/), { minLength: 1 }), (names) => {
        expect(names.map((name) => nearestName(name, names))).toEqual(names);
      }),
    );
  });

  it('has nothing to offer where nothing is known', () => {
    expect(nearestName('port', [])).toBeUndefined();
  });
});
