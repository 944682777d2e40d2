import { z } from 'zod';
import { byteSize, count, duration, entryName } from './fields.ts';
import { partitionBySection } from './partition-section.ts';

const fieldName = z.string().min(1);
const fieldNames = z.union([fieldName, z.array(fieldName).min(1)], {
  error: 'a field name or a list of them',
});

const pointer = z.string().regex(/^(\/([^~]|~[01])*)?$/, {
  error: 'a JSON Pointer such as /data/items, or "" for the whole document',
});

const endpoint = z.string().regex(/^\/[^\s#]*$/, { error: 'a path that begins with /' });

const csv = z.strictObject({
  delimiter: z.string().min(1).default(',').describe('What stands between two fields.'),
  quote: z.string().length(1).default('"').describe('What surrounds a field that holds a delimiter.'),
  columns: z
    .array(fieldName.refine((name) => name !== '__proto__', { error: 'any name but __proto__' }))
    .min(1)
    .optional()
    .describe('Names of the columns, where the first row is not their names.'),
});

const pages = z.strictObject({
  next: z
    .union(
      [
        z.literal('link'),
        z.strictObject({ cursor: pointer, parameter: z.string().min(1) }),
        z.strictObject({
          parameter: z.string().min(1),
          start: z.int().default(1),
          total: pointer.optional(),
        }),
      ],
      { error: 'link, {cursor, parameter} or {parameter, start, total}' },
    )
    .describe(
      'How the next page is found: `link` (Link: rel="next"), a cursor in the body that goes into a query parameter, or a page number in one.',
    ),
  max: count().default(10_000).describe('Pages at most.'),
  consistency: z
    .enum(['strict', 'best-effort'])
    .default('best-effort')
    .describe(
      '`strict`: the version probe must say the same before the first page and after the last; `best-effort`: the first page is looked at once more at the end.',
    ),
  restartsMax: count({ min: 0, max: 100 })
    .default(3)
    .describe('How often a fetch begins anew when the data changed under it; then the old version stays.'),
});

const probe = z.strictObject({
  endpoint: endpoint.describe('What to ask for the version.'),
  header: z.string().min(1).optional().describe('The response header that holds it.'),
  pointer: pointer
    .optional()
    .describe('Where in the JSON body it stands. With neither: the whole body is the version.'),
});

const rule = z.union(
  [z.strictObject({ expression: z.string().min(1) }), z.strictObject({ module: z.string().min(1) })],
  { error: 'an expression (JSONata) or a module (path of an ES module)' },
);

const transform = z
  .strictObject({
    expression: z.string().min(1).optional().describe('A JSONata expression.'),
    module: z
      .string()
      .min(1)
      .optional()
      .describe('Path of an ES module whose default export is the function.'),
    per: z
      .enum(['record', 'document'])
      .default('record')
      .describe('What it is given: each record by itself, or the list of all.'),
  })
  .refine((value) => rule.safeParse(ruleOf(value)).success, {
    error: 'either expression or module',
  });

function ruleOf({
  expression,
  module,
}: {
  expression?: string | undefined;
  module?: string | undefined;
}): object {
  return { ...(expression !== undefined && { expression }), ...(module !== undefined && { module }) };
}

const drift = z.strictObject({
  requiredFields: z.array(fieldName).default([]).describe('Fields that every version must have.'),
  rowsShareMin: z
    .number()
    .min(0)
    .max(1)
    .default(0.5)
    .describe('The share of the rows of the old version that a new one must have.'),
  allowTypeChange: z.boolean().default(false).describe('Whether a field may come with another type.'),
});

const datasetFields = z.strictObject({
  upstream: z.string().describe('The declared upstream that the records come from.'),
  endpoint: z
    .union([endpoint, z.array(endpoint).min(1)], { error: 'a path that begins with /, or a list of them' })
    .describe(
      "The path below the upstream's url, with its query if any; several are read one after the other.",
    ),
  format: z.enum(['json', 'ndjson', 'csv']).default('json').describe('How the document is written.'),
  compression: z
    .enum(['none', 'gzip', 'br', 'zstd'])
    .default('none')
    .describe(
      'How the document itself is compressed, such as a .gz file; Content-Encoding is undone without this.',
    ),
  records: pointer
    .default('')
    .describe('Where in the JSON document the list of records stands, as a JSON Pointer (RFC 6901).'),
  csv: csv.prefault({}).describe('Details of CSV.'),
  pages: pages.optional().describe('For an API that gives its records page by page.'),
  probe: probe.optional().describe('A cheap request that tells whether the data has changed.'),
  types: z
    .record(fieldName, z.enum(['number', 'integer', 'boolean', 'string', 'timestamp']))
    .default({})
    .describe('Fields whose text is read as another type; timestamp: ISO 8601 to milliseconds since 1970.'),
  transform: transform.optional().describe('What is done with the records before they are cut.'),
  onError: z
    .enum(['fail', 'drop'])
    .default('fail')
    .describe(
      'What a record does that a type or the transform fails on: fail the version, or be left out and counted.',
    ),
  partitionBy: partitionBySection.describe('How the records are cut into partitions.'),
  orderBy: fieldNames.optional().describe('Fields by which the records within a partition are sorted.'),
  key: fieldNames.optional().describe('Fields that identify a record, for differences between versions.'),
  partitionBytesMax: byteSize({ min: 1024, max: 16 * 1024 ** 2 })
    .prefault('8MiB')
    .describe('The largest partition before compression; a larger one is split into numbered parts.'),
  keepVersions: count({ min: 1, max: 100 })
    .default(3)
    .describe('Versions that are kept, the current one included.'),
  refreshMs: duration()
    .optional()
    .describe(
      'How old a version may be before the upstream is asked again. Unset: as long as its response is fresh.',
    ),
  drift: drift
    .prefault({})
    .describe('What a new version must not do; one that does is put aside, and the old one stays.'),
});

/** What each key allows by itself and all together cannot keep is told here, and not by the data that it loses. */
const dataset = datasetFields.superRefine((value, context) => {
  const refuse = (path: string[], message: string): void =>
    context.addIssue({ code: 'custom', path, input: value, message });
  const { pages, probe, format, endpoint } = value;
  if (probe?.header !== undefined && probe.pointer !== undefined)
    refuse(['probe'], 'either header or pointer, or neither');
  if (pages === undefined) return;
  if (pages.consistency === 'strict' && probe === undefined)
    refuse(['pages', 'consistency'], 'best-effort, or a probe beside pages that tells of changes');
  if (Array.isArray(endpoint) && endpoint.length > 1)
    refuse(['endpoint'], 'one path, since pages are walked from it');
  if (format === 'json' || pages.next === 'link') return;
  const only = `since it is looked for in JSON, and the format is ${format}`;
  if ('cursor' in pages.next) refuse(['pages', 'next', 'cursor'], `no cursor, ${only}`);
  else if (pages.next.total !== undefined) refuse(['pages', 'next', 'total'], `no total, ${only}`);
});

/** The datasets by name. */
export const datasetsSection = z.record(entryName(), dataset);
