import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findFiles, readText } from './source-files.ts';
import { rootDirectory, runTool } from './tool-process.ts';

const GENERATED = 'proto/src/gen';

/** Generates the code of proto/ once more, elsewhere, and says which files of proto/src/gen are not what came out. */
const directory = mkdtempSync(join(tmpdir(), 'pannier-generated-'));
try {
  const { ok, output } = await runTool(['buf', 'generate', '--output', directory]);
  const fresh = filesWithText(join(directory, GENERATED));
  const kept = filesWithText(join(rootDirectory, GENERATED));
  const paths = [...new Set([...fresh.keys(), ...kept.keys()])];
  const stale = paths.filter((path) => fresh.get(path) !== kept.get(path));
  if (!ok) console.log(output);
  if (fresh.size === 0) console.log('buf generated nothing');
  for (const path of stale) console.log(`${GENERATED}/${path} is not what \`npm run generate\` makes`);
  process.exitCode = ok && fresh.size > 0 && stale.length === 0 ? 0 : 1;
} finally {
  rmSync(directory, { recursive: true, force: true });
}

function filesWithText(root: string): Map<string, string> {
  return new Map(findFiles(root, ['**/*'], []).map((path) => [path, readText(root, path)]));
}
