import { z } from 'zod';
import { entryName } from './fields.ts';

const fieldName = z.string().min(1);

const partitionBy = z.strictObject({
  field: z
    .union([fieldName, z.array(fieldName).min(1)], { error: 'a field name or a list of them' })
    .describe('The field, or fields, whose value says which partition a record belongs to.'),
});

const dataset = z.strictObject({
  upstream: z.string().describe('The declared upstream that the records come from.'),
  endpoint: z
    .string()
    .regex(/^\/[^\s#]*$/, { error: 'a path that begins with /' })
    .describe("The path below the upstream's url, with its query if any."),
  partitionBy: partitionBy.describe('How the records are cut into partitions.'),
  records: z
    .string()
    .regex(/^(\/([^~]|~[01])*)?$/, {
      error: 'a JSON Pointer such as /data/items, or "" for the whole document',
    })
    .default('')
    .describe('Where in the JSON document the list of records stands, as a JSON Pointer (RFC 6901).'),
});

/** The datasets by name. */
export const datasetsSection = z.record(entryName(), dataset);
