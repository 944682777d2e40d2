import { z } from 'zod';
import { configSchema } from './schema.ts';

/** The part of JSON Schema (draft 2020-12) that {@link configSchema} comes out as. */
export interface JsonSchema {
  readonly type?: string;
  readonly description?: string;
  readonly default?: unknown;
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly anyOf?: readonly JsonSchema[];
  readonly items?: JsonSchema;
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly additionalProperties?: boolean | JsonSchema;
  readonly required?: readonly string[];
}

/** The schema of what a person may write in `pannier.yaml`, for editors and validators. */
export function configJsonSchema(): JsonSchema {
  const { $schema, ...schema } = z.toJSONSchema(configSchema, { io: 'input' });
  const title = 'pannier.yaml, the configuration of Pannier';
  return { $schema, title, ...schema } as JsonSchema;
}

/** {@link configJsonSchema} as the published file holds it: two spaces, and lists of scalars on one line where they fit. */
export function configJsonSchemaText(): string {
  const text = JSON.stringify(configJsonSchema(), null, 2);
  const compact = text.replaceAll(/^(.*)\[\n[^[\]{}]*\]/gm, (list, lead: string) => {
    const line =
      lead +
      list
        .slice(lead.length)
        .replaceAll(/\s*\n\s*/g, ' ')
        .replace('[ ', '[')
        .replace(' ]', ']');
    return line.length < 110 ? line : list;
  });
  return `${compact}\n`;
}
