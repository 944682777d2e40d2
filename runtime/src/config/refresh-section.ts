import { z } from 'zod';
import { count, duration, headerName, headerValue, timeZone } from './fields.ts';

const day = 24 * 3600 * 1000;

const refreshRule = z
  .strictObject({
    path: z
      .string()
      .regex(/^\/[^\s#]*$/, { error: 'a path such as /v1/rates?base=EUR, below the path of url' })
      .describe('What is fetched, with its query; below the path of url.'),
    headers: z
      .record(headerName(), headerValue())
      .default({})
      .describe(
        'Request headers as the callers send them, as far as they tell entries apart, such as `accept` and `accept-encoding`; credentials only beside `credentials: rfc` or `keyed`.',
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
    timeZone: timeZone().default('UTC').describe('The time zone of cron, such as Europe/Berlin.'),
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

const endpointPath = z
  .string()
  .regex(/^\/[^\s#]*$/, { error: 'a path such as /v1/version.json, below the path of url' });

const versionEndpoint = z
  .strictObject({
    match: endpointPath.describe(
      'The path of the responses that it speaks for, without a query; `*` at its end stands for anything.',
    ),
    path: endpointPath.describe('What is asked, with its query.'),
    header: z.string().min(1).optional().describe('The response header that holds the version.'),
    pointer: z
      .string()
      .regex(/^(\/([^~]|~[01])*)?$/, { error: 'a JSON pointer such as /meta/version' })
      .optional()
      .describe('Where the version stands in its JSON. Without either, any change of its body counts.'),
  })
  .refine(({ header, pointer }) => header === undefined || pointer === undefined, {
    path: ['header'],
    error: 'header or pointer, and not both',
  });

/** When an upstream is asked although nobody waits for it, and what is asked first. */
export const refreshFields = {
  refresh: z
    .array(refreshRule)
    .default([])
    .describe(
      'What is fetched by the clock, by one server of those over one Redis, whether anybody asks or not.',
    ),
  versionEndpoints: z
    .array(versionEndpoint)
    .default([])
    .describe(
      'Cheap requests that tell whether responses have changed, before these are asked for by ETag or Last-Modified, or fetched anew.',
    ),
  refreshAhead: refreshAheadField.prefault({}).describe('Hot responses are fetched before they are stale.'),
};
