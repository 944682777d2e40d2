import { z } from 'zod';
import { count, duration } from './fields.ts';

const day = 24 * 3600 * 1000;

const refreshRule = z
  .strictObject({
    path: z
      .string()
      .regex(/^\/[^\s#]*$/, { error: 'a path such as /v1/rates?base=EUR, below the path of url' })
      .describe('What is fetched, with its query; below the path of url.'),
    headers: z
      .record(z.string().toLowerCase(), z.string())
      .default({})
      .describe(
        'Request headers as the callers send them, as far as they tell entries apart, such as `accept` and `accept-encoding`.',
      ),
    every: duration({ min: 1000, max: 7 * day })
      .optional()
      .describe('How often it is fetched.'),
    cron: z
      .string()
      .min(9)
      .optional()
      .describe(
        'When it is fetched instead, such as `*/5 6-20 * * mon-fri`: minute, hour, day, month, weekday.',
      ),
    timeZone: z.string().min(1).default('UTC').describe('The time zone of cron, such as Europe/Berlin.'),
    jitter: duration({ min: 0, max: day })
      .prefault(0)
      .describe('By how much later it is fetched at most, by chance.'),
  })
  .refine(({ every, cron }) => (every === undefined) !== (cron === undefined), {
    path: ['every'],
    error: 'every or cron, and not both',
  });

const refreshAheadField = z.strictObject({
  share: z
    .number()
    .min(0)
    .max(0.9)
    .default(0)
    .describe(
      'The last part of its lifetime in which a response that is asked for often is fetched behind the answer, before it is stale; 0: none.',
    ),
  hitsMin: count({ max: 1_000_000 })
    .default(3)
    .describe('How often it must have been asked for since it was fetched, at one server.'),
});

/** When an upstream is asked although nobody waits for it. */
export const refreshFields = {
  refresh: z
    .array(refreshRule)
    .default([])
    .describe(
      'What is fetched by the clock, by one server of those over one Redis, whether anybody asks or not.',
    ),
  refreshAhead: refreshAheadField.prefault({}).describe('Hot responses are fetched before they are stale.'),
};
