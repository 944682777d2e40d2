import { z } from 'zod';
import { byteSize, count, timeZone } from './fields.ts';
import { describeStrategies } from './strategy-refusal.ts';

const fieldName = z.string().min(1);
const fieldNames = z.union([fieldName, z.array(fieldName).min(1)], {
  error: 'a field name or a list of them',
});

const field = z.strictObject({
  field: fieldNames.describe('The field, or fields, whose value says which partition a record belongs to.'),
});

const predicate = z.strictObject({
  predicate: z
    .record(z.string().regex(/^[^/~]+$/, { error: 'a name without / and ~' }), z.string().min(1))
    .refine((names) => Object.keys(names).length > 0, { error: 'at least one named expression' })
    // Of an object's names JavaScript puts whole numbers first, and predicates are tried in the order in which they are written.
    .refine((names) => !Object.keys(names).some((name) => /^(?:0|[1-9]\d*)$/.test(name)), {
      error: 'names that are no whole numbers, for their order would be lost',
    })
    .describe('Boolean JSONata expressions by the name of their partition.'),
  matches: z
    .enum(['first', 'all'])
    .default('first')
    .describe('Whether a record goes to the first partition whose expression holds, or to all of them.'),
  rest: z.string().min(1).default('rest').describe('The partition of what no expression takes.'),
});

const chunk = z.strictObject({
  chunk: z
    .strictObject({
      records: count().optional().describe('Records in each.'),
      bytes: byteSize().optional().describe('Bytes in each, before compression.'),
      stable: z
        .boolean()
        .default(false)
        .describe('Let the content of records end a chunk, so that an insertion does not shift the others.'),
    })
    .refine(({ records, bytes }) => (records === undefined) !== (bytes === undefined), {
      error: 'either records or bytes',
    })
    .describe('Records in the order of the document.'),
});

const hash = z.strictObject({
  hash: z
    .strictObject({
      field: fieldNames.describe('What is hashed.'),
      buckets: count({ max: 10_000 }).describe('Number of partitions.'),
    })
    .describe('A fixed number of buckets by a hash of a field.'),
});

const date = z.strictObject({
  date: z
    .strictObject({
      field: fieldName.describe('The field that tells the time.'),
      unit: z.enum(['year', 'quarter', 'month', 'week', 'day', 'hour']).describe('What one partition holds.'),
      timeZone: timeZone().default('UTC').describe('Where the days begin.'),
      from: z
        .enum(['iso', 'epochSeconds', 'epochMillis'])
        .default('iso')
        .describe('How the field is written: ISO 8601, or seconds or milliseconds since 1970.'),
    })
    .describe('Partitions by year, quarter, month, week, day or hour.'),
});

const custom = z.strictObject({
  custom: z
    .strictObject({
      module: z
        .string()
        .min(1)
        .describe('Path of an ES module whose default export names the partition of a record.'),
    })
    .describe("The operator's own rule."),
});

const range = z.strictObject({
  range: z
    .strictObject({
      field: fieldName.describe('A field of numbers.'),
      edges: z
        .array(z.number())
        .min(1)
        .refine((edges) => edges.every((edge, at) => at === 0 || edge > (edges[at - 1] ?? edge)), {
          error: 'numbers that ascend',
        })
        .optional()
        .describe('Where one partition ends and the next begins.'),
      width: z.number().positive().optional().describe('Width of each partition.'),
      origin: z.number().default(0).describe('Where the widths are counted from.'),
      quantiles: count({ min: 2, max: 10_000 })
        .optional()
        .describe('Number of partitions with about as many records each.'),
      skewMax: z
        .number()
        .min(1)
        .default(2)
        .describe('Edges of quantiles are kept until the largest partition is over so many times the mean.'),
    })
    .refine(
      ({ edges, width, quantiles }) =>
        [edges, width, quantiles].filter((one) => one !== undefined).length === 1,
      { error: 'one of edges, width and quantiles' },
    )
    .describe('Intervals of a number.'),
});

const unique = z.strictObject({
  unique: z
    .strictObject({
      field: fieldNames.describe('What tells records apart.'),
      keep: z.enum(['first', 'last']).default('first').describe('Which of several stays.'),
    })
    .describe('Leave out records with the same key; stands first.'),
});

const strategies = { field, predicate, chunk, hash, date, custom, range, unique };
const level = z.union([field, predicate, chunk, hash, date, custom, range, unique]);

/** How the records of a dataset are cut: one strategy, or several one below the other. */
export const partitionBySection = z.union(
  [
    z
      .array(level)
      .min(1)
      .refine((levels) => levels.every((one, at) => at === 0 || !('unique' in one)), {
        error: 'unique as the first level only',
      }),
    level,
  ],
  { error: ({ input }) => describeStrategies(input, strategies) },
);
