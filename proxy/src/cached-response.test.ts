import { expect, it } from 'vitest';
import { mayServeStale } from './cached-response.ts';

it.each(['must-revalidate', 'proxy-revalidate', 's-maxage=1', 'no-cache'])(
  'nothing stale is served against %s, whichever field says so',
  (directive) => {
    const says = `max-age=1, ${directive}`;
    expect(mayServeStale([['Cache-Control', says]])).toBe(false);
    for (const field of ['CDN-Cache-Control', 'Pannier-Cache-Control']) {
      expect(
        mayServeStale([
          ['Cache-Control', 'max-age=600'],
          [field, says],
        ]),
      ).toBe(false);
      // The one that is meant for us is the one that counts: https://www.rfc-editor.org/rfc/rfc9213#section-2.2
      expect(
        mayServeStale([
          ['Cache-Control', says],
          [field, 'max-age=1'],
        ]),
      ).toBe(true);
    }
  },
);

it('what says nothing against it is served stale', () => {
  expect(mayServeStale([])).toBe(true);
  expect(mayServeStale([['Cache-Control', 'max-age=60, no-cache="x-user"']])).toBe(true);
  expect(mayServeStale([['Pragma', 'no-cache']])).toBe(false);
});
