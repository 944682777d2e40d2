import { spawn } from 'node:child_process';
import { delimiter, join } from 'node:path';

/** The repository's root, from which every command runs. */
export const rootDirectory = join(import.meta.dirname, '..');

/** The pinned Node and the installed tools come first, whatever the machine has of its own. */
const toolEnvironment: NodeJS.ProcessEnv = {
  ...process.env,
  PATH: [join(rootDirectory, 'node_modules', '.bin'), process.env['PATH'] ?? ''].join(delimiter),
};

export interface ToolOptions {
  /** `capture` collects both streams for later; `inherit` shows them as they come. Default `capture`. */
  readonly output?: 'capture' | 'inherit';
  /** After this the process is killed and the result is not ok. Default ten minutes. */
  readonly timeoutMs?: number;
  /** Where it runs. Default the repository's root. */
  readonly cwd?: string;
  /** Added to the environment. */
  readonly env?: Record<string, string>;
}

export interface ToolResult {
  readonly ok: boolean;
  /** Both streams in the order of arrival; empty with `inherit`. */
  readonly output: string;
}

/** Runs one program with closed stdin. Never rejects: a program that cannot start is a result that is not ok. */
export function runTool(command: readonly string[], options: ToolOptions = {}): Promise<ToolResult> {
  const { output = 'capture', timeoutMs = 600_000, cwd = rootDirectory, env = {} } = options;
  const [program = '', ...args] = command;
  const stream = output === 'inherit' ? 'inherit' : 'pipe';
  const { promise, resolve } = Promise.withResolvers<ToolResult>();
  const child = spawn(program, args, {
    cwd,
    env: { ...toolEnvironment, ...env },
    stdio: ['ignore', stream, stream],
    timeout: timeoutMs,
  });
  const chunks: Buffer[] = [];
  child.stdout?.on('data', (chunk: Buffer) => chunks.push(chunk));
  child.stderr?.on('data', (chunk: Buffer) => chunks.push(chunk));
  const text = (): string => Buffer.concat(chunks).toString();
  child.on('error', (error) => resolve({ ok: false, output: `${text()}${error.message}\n` }));
  child.on('close', (code, signal) => {
    const ending = signal === null ? '' : `${program} was ended by ${signal}\n`;
    resolve({ ok: code === 0, output: text() + ending });
  });
  return promise;
}
