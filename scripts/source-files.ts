import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** What no house rule speaks about: what others wrote, what a tool wrote, what a run left behind. */
const NOT_OURS = ['**/node_modules', '.git', '.cache', 'coverage', 'proto/src/gen'];

/** The repository's files that match the globs, as sorted paths relative to `root`. It need not be a git checkout. */
export function findFiles(
  root: string,
  globs: readonly string[],
  exclude: readonly string[] = NOT_OURS,
): string[] {
  const entries = globSync([...globs], { cwd: root, exclude: [...exclude], withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile());
  return files.map((entry) => join(entry.parentPath, entry.name).slice(root.length + 1)).toSorted();
}

export function readText(root: string, path: string): string {
  return readFileSync(join(root, path), 'utf8');
}
