import { findImportViolations } from './import-graph.ts';
import { importRules } from './import-rules.ts';
import { rootDirectory } from './tool-process.ts';

const violations = await findImportViolations(rootDirectory, importRules);
for (const violation of violations) console.log(violation);
process.exitCode = violations.length === 0 ? 0 : 1;
