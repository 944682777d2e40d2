import { z } from 'zod';

const fieldName = z.string().min(1);

/** How the records of a dataset are cut. */
export const partitionBySection = z.strictObject({
  field: z
    .union([fieldName, z.array(fieldName).min(1)], { error: 'a field name or a list of them' })
    .describe('The field, or fields, whose value says which partition a record belongs to.'),
});
