/** Tests of this version of the suite that no cache can pass, published results included. They count as missed all the same. */

/**
 * The suite's origin breaks the connection before it answers the second request, and the test then wants a 200 with that answer's number and body.
 * A cache that asks, as the test means it to, has only an error of its own to give.
 */
const AFTER_A_BROKEN_CONNECTION =
  'the origin never answers the request whose answer is checked: see handle-test.mjs';

/** Why no cache passes, by id. */
export const OUT_OF_REACH: Readonly<Record<string, string>> = {
  'stale-close-must-revalidate': AFTER_A_BROKEN_CONNECTION,
  'stale-close-proxy-revalidate': AFTER_A_BROKEN_CONNECTION,
  'stale-close-no-cache': AFTER_A_BROKEN_CONNECTION,
  'stale-close-s-maxage=2': AFTER_A_BROKEN_CONNECTION,
};
