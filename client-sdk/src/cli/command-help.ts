/** What each command is for and which options are its own, in the order of the page. */

/** A flag, and what it does, line by line. */
export type OptionHelp = readonly [flag: string, ...about: string[]];

/** A command, or a verb of `dataset`. */
export interface CommandHelp {
  /** The words that call for it. */
  readonly names: readonly string[];
  readonly usage: string;
  readonly about: readonly string[];
  readonly options?: readonly OptionHelp[];
}

const GET: CommandHelp = {
  names: ['get'],
  usage: 'get URL',
  about: [
    'fetch through the cache; the body goes to standard output,',
    'and why it was or was not cached to standard error',
  ],
  options: [
    ['-o, --output FILE', 'write the body to a file'],
    ['-i, --include', 'the head of the response too'],
    ['-L, --location', 'follow redirects'],
    ['-H, --header LINE', "send a header, for example -H 'Accept: text/plain'"],
  ],
};

const LS: CommandHelp = {
  names: ['ls'],
  usage: 'ls [TEXT]',
  about: ['entries, all or those whose key contains TEXT;', 'their keys with --json'],
  options: [['--limit N', 'at most N of them, default 1000']],
};

const PURGE: CommandHelp = {
  names: ['purge'],
  usage: 'purge [URL...]',
  about: [
    'have the servers and all proxies forget what is stored of',
    'URLs, or of what these name; repeat them for several',
  ],
  options: [
    ['--tag TAG', 'what carries a tag in Surrogate-Key or Cache-Tag'],
    ['--prefix TEXT', 'what has a URL that begins so'],
    ['--scope NAME', 'all of an upstream, or all objects of a caller'],
    ['-d, --dataset NAME', 'a dataset, and the documents that it is made from'],
    ['--key KEY', 'one entry by its whole key, of which ls --json has all'],
    ['--soft', 'make it stale instead: to be revalidated, and good for', 'when the upstream fails'],
  ],
};

const READ: CommandHelp = {
  names: ['dataset read'],
  usage: 'dataset read NAME',
  about: ['its records, one JSON object a line'],
  options: [
    ['-w, --where FIELD=TEXT', 'only records whose field is that string'],
    [
      '-w, --where FIELD:=JSON',
      '... is that number, true, false or null;',
      'repeat it: of one field any, of several all',
    ],
    ['-f, --fields A,B', 'only these fields'],
    ['--limit N', 'at most N records'],
    ['--version VERSION', 'of a version that is kept, instead of the current one'],
  ],
};

const DIFF: CommandHelp = {
  names: ['dataset diff'],
  usage: 'dataset diff NAME FROM [TO]',
  about: ['partitions, and records by their declared key, that differ'],
  options: [['--limit N', 'at most N records']],
};

const WARM: CommandHelp = {
  names: ['warm'],
  usage: 'warm URL...',
  about: [
    'have URLs fetched before anybody asks for them; shows',
    'how far that is, and ends when all is stored',
  ],
  options: [
    ['-d, --dataset NAME', 'have a dataset fetched and cut; repeat it for several'],
    ['-H, --header LINE', 'as the clients will send it, for example', "-H 'Accept-Encoding: gzip'"],
    ['--no-wait', 'print the name of the job and end'],
    ['--job NAME', 'follow that job'],
  ],
};

const JANITOR: CommandHelp = {
  names: ['janitor'],
  usage: 'janitor',
  about: [
    'remove what services that are gone, and datasets that',
    'nobody declares any more, left in the store',
  ],
  options: [['--dry-run', 'only list it']],
};

/** All of them. */
export const COMMAND_HELP: readonly CommandHelp[] = [
  GET,
  { names: ['stats'], usage: 'stats', about: ['counters of each server'] },
  LS,
  PURGE,
  { names: ['dataset ls'], usage: 'dataset ls', about: ['declared datasets'] },
  {
    names: ['dataset show'],
    usage: 'dataset show NAME',
    about: ['fields, partitions and version of a dataset'],
  },
  READ,
  {
    names: ['dataset versions'],
    usage: 'dataset versions NAME',
    about: ['versions that are kept, and why one was put aside'],
  },
  DIFF,
  {
    names: ['dataset pin', 'dataset unpin'],
    usage: 'dataset pin|unpin NAME VERSION',
    about: ['keep a version, or let it go'],
  },
  {
    names: ['dataset rollback'],
    usage: 'dataset rollback NAME VERSION',
    about: ['give readers an older version'],
  },
  WARM,
  JANITOR,
  { names: ['types'], usage: 'types [NAME...]', about: ["TypeScript types of the datasets' records"] },
];
