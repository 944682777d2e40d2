import { writeFileSync } from 'node:fs';
import { configJsonSchemaText } from './json-schema.ts';

// Run by hand after the schema changed: node runtime/src/config/write-schema.ts
writeFileSync(new URL('../../../docs/pannier.schema.json', import.meta.url), configJsonSchemaText());
