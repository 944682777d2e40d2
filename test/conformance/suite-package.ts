/** The public suite `http-cache-tests`, installed at run time into a folder of its own: it drags in a whole npm, which must not shadow the machine's. */
import { randomUUID } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { rootDirectory, runTool } from '../../scripts/tool-process.ts';

/** The version that is run; another one has other tests. */
export const SUITE_VERSION = '0.4.5';

/** The suite's own HTTP client, held fast so that every run sends the same requests. */
const CLIENT_VERSION = '2.7.0';

const INSTALL_TIMEOUT_MS = 120_000;

/** The suite could not be had; the message is one line for people. */
export class SuiteMissingError extends Error {
  override readonly name = 'SuiteMissingError';
}

/**
 * Finds the installed suite, or installs it.
 *
 * @returns the folder whose `node_modules` holds `http-cache-tests` and its `node-fetch`
 * @throws SuiteMissingError when it is not installed and cannot be
 */
export async function suiteFolder(): Promise<string> {
  const cache = join(rootDirectory, 'node_modules/.cache');
  const folder = join(cache, `http-cache-tests-${SUITE_VERSION}`);
  if (isComplete(folder)) return folder;
  // Complete before it has its name: another run may look, or install, at the same time.
  const unfinished = `${folder}-${randomUUID()}`;
  mkdirSync(unfinished, { recursive: true });
  try {
    await install(unfinished);
    takeName(unfinished, folder);
  } finally {
    rmSync(unfinished, { recursive: true, force: true });
  }
  return folder;
}

async function install(folder: string): Promise<void> {
  const packages = [`http-cache-tests@${SUITE_VERSION}`, `node-fetch@${CLIENT_VERSION}`];
  const quiet = ['--no-save', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'];
  const { ok, output } = await runTool(['npm', 'install', ...quiet, '--prefix', folder, ...packages], {
    timeoutMs: INSTALL_TIMEOUT_MS,
    cwd: folder,
  });
  if (ok && isComplete(folder)) return;
  const reason = output.trim().split('\n')[0] ?? '';
  throw new SuiteMissingError(
    `http-cache-tests@${SUITE_VERSION} cannot be installed: ${reason === '' ? 'npm gave no reason' : reason}`,
  );
}

function takeName(unfinished: string, folder: string): void {
  try {
    renameSync(unfinished, folder);
  } catch (error) {
    // Another run was faster; what it installed is the same.
    if (!isComplete(folder)) throw error;
  }
}

function isComplete(folder: string): boolean {
  const manifest = join(folder, 'node_modules/http-cache-tests/package.json');
  if (!existsSync(manifest) || !existsSync(join(folder, 'node_modules/node-fetch/package.json')))
    return false;
  return (JSON.parse(readFileSync(manifest, 'utf8')) as { version: string }).version === SUITE_VERSION;
}
