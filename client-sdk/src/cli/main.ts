#!/usr/bin/env node
/** The `pannier` command. */
import { ConfigError, runMain } from '@pannier/runtime';
import { PannierError } from '../index.ts';
import type { PannierClient } from '../index.ts';
import { openClient } from './command-client.ts';
import { readCommandLine } from './command-line.ts';
import type { CommandLine } from './command-line.ts';
import { datasetCommand } from './dataset-command.ts';
import { getCommand } from './get-command.ts';
import { helpOf } from './help.ts';
import { purgeCommand } from './purge-command.ts';
import { janitorCommand } from './janitor-command.ts';
import { listCommand } from './list-command.ts';
import { statsCommand } from './stats-command.ts';
import { endWithReader, print } from './terminal.ts';
import { typesCommand } from './types-command.ts';
import { warmCommand } from './warm-command.ts';

const COMMANDS = new Map<string, (line: CommandLine, client: PannierClient) => Promise<void>>([
  ['get', getCommand],
  ['stats', statsCommand],
  ['ls', listCommand],
  ['purge', purgeCommand],
  ['dataset', datasetCommand],
  ['types', typesCommand],
  ['warm', warmCommand],
  ['janitor', janitorCommand],
]);

await runMain(async () => {
  endWithReader();
  const line = readCommandLine(process.argv.slice(2));
  if (line.help) {
    await print(helpOf(line.command, line.operands));
    return;
  }
  const command = COMMANDS.get(line.command);
  if (command === undefined) {
    const names = [...COMMANDS.keys()].join(', ');
    throw new ConfigError(
      `${line.command === '' ? 'no command' : `no command "${line.command}"`}; there are ${names}; see --help`,
    );
  }
  using client = openClient(line);
  await command(line, client).catch((error: unknown) => {
    throw withAdvice(error);
  });
});

/** What is being fetched goes on being fetched when its caller has gone. */
function withAdvice(error: unknown): unknown {
  if (!(error instanceof PannierError) || error.code !== 'deadline') return error;
  const advice = 'what was asked for may still be on its way; ask again, or wait longer with --deadline 60s';
  return new PannierError(error.code, `${error.message}; ${advice}`, { cause: error });
}
