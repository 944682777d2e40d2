import { findStaleCode } from './generated-code.ts';

const stale = await findStaleCode();
for (const line of stale) console.log(line);
process.exitCode = stale.length === 0 ? 0 : 1;
