import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findFiles, readText } from './source-files.ts';
import { rootDirectory, runTool } from './tool-process.ts';

/** Where buf.gen.yaml puts the code, relative to the repository's root. */
const GENERATED = 'proto/src/gen';

/** Generates the contract's code once more, elsewhere, and says how what is kept differs from it, one line a file. */
export async function findStaleCode(kept: string = join(rootDirectory, GENERATED)): Promise<string[]> {
  const directory = mkdtempSync(join(tmpdir(), 'pannier-generated-'));
  try {
    const { ok, output } = await runTool(['buf', 'generate', '--output', directory]);
    if (!ok) return [`buf generate failed: ${output}`];
    return differences(filesWithText(join(directory, GENERATED)), filesWithText(kept));
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

function differences(fresh: Map<string, string>, kept: Map<string, string>): string[] {
  if (fresh.size === 0) return ['buf generated nothing'];
  const paths = [...new Set([...fresh.keys(), ...kept.keys()])];
  const stale = paths.filter((path) => fresh.get(path) !== kept.get(path));
  return stale.map((path) => `${GENERATED}/${path} is not what \`npm run generate\` makes`);
}

function filesWithText(root: string): Map<string, string> {
  return new Map(findFiles(root, ['**/*'], []).map((path) => [path, readText(root, path)]));
}
