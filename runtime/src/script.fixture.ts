import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import type { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';

export interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs TypeScript in a process of its own; imports are relative to this folder. For what ends a process. */
export function runScript(source: string): { child: ChildProcess; ended: Promise<Ended> } {
  const child = spawn(process.execPath, ['--input-type=module-typescript', '-e', source], {
    cwd: import.meta.dirname,
    env: {},
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  });
  // Only a script that says something is listened to: the channel alone must not keep it alive.
  child.channel?.unref();
  const ended = Promise.all([once(child, 'exit'), outputOf(child.stdout), outputOf(child.stderr)]).then(
    ([[code], stdout, stderr]) => ({ code: code as number | null, stdout, stderr }),
  );
  return { child, ended };
}

async function outputOf(stream: Readable | null): Promise<string> {
  return stream === null ? '' : text(stream);
}
