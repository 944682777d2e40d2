/** What `pannier --help` says of everything, and `pannier COMMAND --help` of one command. */
import { COMMAND_HELP } from './command-help.ts';
import type { CommandHelp } from './command-help.ts';

/** Where descriptions begin; what is too long to end before it has a line of its own. */
const COLUMN = 27;

const TITLE = 'pannier - ask a Pannier cache server';

const OPTIONS = `Options:
  -s, --server HOST:PORT   or dns:///name:port; repeat it for several
                           (default 127.0.0.1:7070, or PANNIER_SERVER)
      --identity NAME      who to say that is asking
      --deadline TIME      for each call, default 10s
      --json               for programs: JSON on standard output
  -h, --help               of everything, or behind a command of that alone
`;

const EXAMPLES = `Examples:
  pannier get http://127.0.0.1:7099/cities.json -o cities.json
  pannier dataset read cities --where country=CZ --limit 3
  pannier types > datasets.ts
  pannier ls cities
  pannier warm http://127.0.0.1:7099/cities.json --dataset cities
  pannier purge http://127.0.0.1:7099/cities.json
  pannier purge --tag cities --soft
`;

const EXIT_CODES = 'Exit codes: 0 done, 1 failed, 2 the command line is wrong.\n';
const MORE = 'Other commands, and the options of all: pannier --help\n';

/** The page of a command, of one verb of it where that is named, else of all. */
export function helpOf(command: string, [verb = '']: readonly string[]): string {
  const ofCommand = COMMAND_HELP.filter(({ names }) => names.some((name) => name.split(' ')[0] === command));
  if (ofCommand.length === 0) {
    const commands = `Commands:\n${COMMAND_HELP.map(section).join('')}`;
    return [TITLE, 'Usage: pannier [options] COMMAND', commands, OPTIONS, EXAMPLES, EXIT_CODES]
      .map((part) => part.trimEnd())
      .join('\n\n')
      .concat('\n');
  }
  const ofVerb = ofCommand.filter(({ names }) => names.includes(`${command} ${verb}`));
  const told = ofVerb.length > 0 ? ofVerb : ofCommand;
  const usage = told.length === 1 ? (told[0]?.usage ?? '') : `${command} ...`;
  return `Usage: pannier [options] ${usage}\n\n${told.map(section).join('')}\n${MORE}`;
}

function section({ usage, about, options = [] }: CommandHelp): string {
  const flags = options.map(([flag, ...does]) => row(`      ${flag}`, does));
  return row(`  ${usage}`, about) + flags.join('');
}

function row(head: string, about: readonly string[]): string {
  const [first = '', ...rest] = head.length < COLUMN - 1 ? about : ['', ...about];
  const lines = rest.map((line) => `${' '.repeat(COLUMN)}${line}`);
  return `${[`${head.padEnd(COLUMN)}${first}`.trimEnd(), ...lines].join('\n')}\n`;
}
