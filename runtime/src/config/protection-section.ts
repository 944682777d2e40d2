import { z } from 'zod';
import { count, duration } from './fields.ts';

const minute = 60_000;

/** So many requests in so long, with so many at once. */
const rateField = z.strictObject({
  requests: count({ max: 1_000_000 }).describe('How many requests may be sent in each span of time.'),
  per: duration({ min: 10 }).prefault('1s').describe('The span of time, such as 1s; at least 10 ms.'),
  burst: count({ max: 1_000_000 })
    .default(1)
    .describe('How many may follow each other at once after a pause; from then on they are spaced evenly.'),
});

const retriesField = z.strictObject({
  max: count({ min: 0, max: 10 })
    .default(0)
    .describe(
      'How often a request is sent again whose connection failed, or that was answered by 502, 503 or 504.',
    ),
  firstDelayMs: duration({ max: minute })
    .prefault('100ms')
    .describe(
      'The pause before the first of them; it doubles with each, and is made longer or shorter by chance.',
    ),
});

const breakerField = z.strictObject({
  failures: count({ max: 10_000 })
    .optional()
    .describe('How many failures one after the other open the breaker.'),
  share: z
    .number()
    .gt(0)
    .lt(1)
    .optional()
    .describe('Which share of the requests of windowMs must fail for it to open, such as 0.5.'),
  windowMs: duration({ min: 1000, max: 10 * minute })
    .prefault('10s')
    .describe('What share is taken of.'),
  requestsMin: count({ max: 10_000 })
    .default(20)
    .describe('How many requests there must have been within windowMs before share counts.'),
  openMs: duration({ max: 60 * minute })
    .prefault('5s')
    .describe('How long the upstream is not asked once it is open; then one request tries.'),
});

/** What keeps an upstream from being asked too much. Unset, nothing is withheld that its callers would have asked by themselves. */
export const protectionFields = {
  concurrencyMax: count({ max: 100_000 })
    .optional()
    .describe('Fetches from this upstream under way at once, of all servers over one Redis together.'),
  rate: rateField
    .optional()
    .describe('How fast requests may follow each other, of all servers over one Redis together.'),
  queueMax: count({ min: 0, max: 1_000_000 })
    .default(10_000)
    .describe('Fetches of one server that may wait for concurrencyMax or rate; more are refused with 429.'),
  queueTimeoutMs: duration({ max: 10 * minute })
    .prefault('30s')
    .describe('How long a fetch may wait there before it is refused with 429.'),
  retryAfterMaxMs: duration({ min: 0, max: 24 * 60 * minute })
    .prefault('1m')
    .describe(
      'How long an upstream is left in peace at most that answered 429 or 503 with Retry-After; 0: it is asked all the same. An answer to credentials concerns those who sent them, and holds nobody up.',
    ),
  retries: retriesField.prefault({}).describe('Requests that are sent again; within limits.fetchDeadlineMs.'),
  breaker: breakerField
    .refine(({ failures, share }) => failures !== undefined || share !== undefined, {
      error: 'failures, share, or both',
    })
    .optional()
    .describe(
      'Stops asking an upstream that keeps failing (no connection, no answer, 500, 502, 503, 504): 503 at once, or what is stale.',
    ),
  failureTtlMs: duration({ min: 0, max: minute })
    .prefault(0)
    .describe(
      'How long it is remembered that no connection could be made, so that not every request waits for the same failure.',
    ),
};
