import { spawn } from 'node:child_process';
import { join } from 'node:path';

/** How the command ended, and what it wrote. */
export interface Ended {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

/** A machine that is busy with other things takes longer than the command waits by itself; a test that names a deadline has that one. */
const PATIENT = ['--deadline', '60s'];

/**
 * Runs the command to its end. A reader that wants no more than `readBytes` closes its side; with `interrupted` it gets a SIGINT when
 * that is fulfilled.
 */
export function pannier(
  args: readonly string[],
  {
    env = {},
    readBytes = Infinity,
    interrupted,
  }: { env?: NodeJS.ProcessEnv; readBytes?: number; interrupted?: Promise<void> } = {},
): Promise<Ended> {
  return new Promise((resolve, reject) => {
    const main = join(import.meta.dirname, 'main.ts');
    const child = spawn(process.execPath, [main, ...PATIENT, ...args], {
      env: { PATH: process.env['PATH'], ...env },
    });
    void interrupted?.then(() => child.kill('SIGINT'));
    let out = '';
    let err = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      out += text;
      if (out.length > readBytes) child.stdout.destroy();
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      err += text;
    });
    child.on('error', reject);
    child.on('close', (code) => resolve({ code, out, err }));
  });
}
