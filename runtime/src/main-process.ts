import { inspect } from 'node:util';
import { setFlagsFromString } from 'node:v8';
import { errorStack } from './error-record.ts';
import { RuntimeError } from './errors.ts';

/** What ends a process: the text for standard error and the exit code. */
export interface Ending {
  readonly text: string;
  readonly exitCode: number;
}

/**
 * Runs a process's main function. What a person can mend ends in one line and an exit code: 2 for a refused config or flag, 1 for
 * the rest. What is a bug, also one that nobody awaited, ends in its stack and 1.
 */
export async function runMain(main: () => Promise<void>): Promise<void> {
  // Without it V8 collects the whole heap after every 64 MiB of new Buffers: half of the time of a process that streams bodies.
  setFlagsFromString('--external-memory-accounted-in-global-limit');
  process.on('unhandledRejection', (reason) => end('unhandled rejection', reason));
  process.on('uncaughtException', (error) => end('uncaught exception', error));
  try {
    await main();
  } catch (error) {
    const { text, exitCode } = describeEnding(error);
    process.stderr.write(`pannier: ${text}\n`, () => process.exit(exitCode));
  }
}

function end(what: string, error: unknown): void {
  process.stderr.write(`pannier: ${what}: ${stackOf(error)}\n`, () => process.exit(1));
}

/**
 * One line for an error that a catalogue knows: ours, another package's (they all have a `code`), the system's (`EACCES`) or
 * that of a misused flag. A stack for any other.
 */
export function describeEnding(error: unknown): Ending {
  if (error instanceof RuntimeError) return { text: error.message, exitCode: error.exitCode };
  if (!(error instanceof Error)) return { text: stackOf(error), exitCode: 1 };
  const code = 'code' in error ? error.code : undefined;
  const line = error.message.replaceAll(/\s*\n\s*/g, ' ');
  if (typeof code === 'string' && code.startsWith('ERR_PARSE_ARGS_')) return { text: line, exitCode: 2 };
  // Node's other ERR_… codes are misuses of its API.
  if (typeof code === 'string' && !code.startsWith('ERR_')) return { text: line, exitCode: 1 };
  return { text: stackOf(error), exitCode: 1 };
}

/** Not as `inspect` shows an error: with all that hangs on it, such as the URL, password included, that is none. */
function stackOf(error: unknown): string {
  return error instanceof Error ? errorStack(error) : inspect(error);
}
