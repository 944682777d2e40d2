/** The command line: what is asked, of which servers, and how the answer is written. */
import { parseArgs } from 'node:util';
import { ConfigError, parseDuration } from '@pannier/runtime';
import { cliDefaults } from './config.ts';

/** Flags of every command. */
export interface CommandLine {
  /** '' when none was given. */
  readonly command: string;
  readonly operands: readonly string[];
  readonly servers: readonly string[];
  readonly identity: string | undefined;
  readonly deadlineMs: number | undefined;
  readonly json: boolean;
  readonly help: boolean;
  /** `get`: a file for the body; undefined is standard output. */
  readonly output: string | undefined;
  /** `get`: the head too. */
  readonly include: boolean;
  /** `get`: follow redirects. */
  readonly location: boolean;
  /** `get` and `warm`: headers of the request. */
  readonly headers: readonly (readonly [string, string])[];
  /** `dataset read`: `field=text` or `field:=json`. */
  readonly where: readonly string[];
  /** `dataset read`: fields wanted; empty for all. */
  readonly fields: readonly string[];
  /** `dataset read`: '' for the current version. */
  readonly version: string;
  /** `warm` and `purge`: datasets beside the URLs. */
  readonly datasets: readonly string[];
  /** `warm`: a job to follow that was started before. */
  readonly job: string | undefined;
  /** `warm`: whether to wait for the end of the job. */
  readonly wait: boolean;
  /** `janitor`: only list. */
  readonly dryRun: boolean;
  /** `purge`: what entries are known by. */
  readonly tags: readonly string[];
  readonly prefixes: readonly string[];
  readonly scopes: readonly string[];
  readonly keys: readonly string[];
  /** `purge`: make stale instead of removing. */
  readonly soft: boolean;
  /** `ls`, `dataset read` and `dataset diff`: most lines. */
  readonly limit: number | undefined;
}

const options = {
  server: { type: 'string', short: 's', multiple: true },
  identity: { type: 'string' },
  deadline: { type: 'string' },
  json: { type: 'boolean' },
  help: { type: 'boolean', short: 'h' },
  output: { type: 'string', short: 'o' },
  include: { type: 'boolean', short: 'i' },
  location: { type: 'boolean', short: 'L' },
  header: { type: 'string', short: 'H', multiple: true },
  where: { type: 'string', short: 'w', multiple: true },
  fields: { type: 'string', short: 'f', multiple: true },
  version: { type: 'string' },
  limit: { type: 'string' },
  dataset: { type: 'string', short: 'd', multiple: true },
  tag: { type: 'string', multiple: true },
  prefix: { type: 'string', multiple: true },
  scope: { type: 'string', multiple: true },
  key: { type: 'string', multiple: true },
  soft: { type: 'boolean' },
  job: { type: 'string' },
  'no-wait': { type: 'boolean' },
  'dry-run': { type: 'boolean' },
} as const;

/**
 * Reads the arguments.
 *
 * @throws ConfigError, or what `parseArgs` throws: one line that names the flag; exit code 2
 */
export function readCommandLine(args: readonly string[]): CommandLine {
  const { values, positionals } = parseArgs({ args: [...args], options, allowPositionals: true });
  const [command = '', ...operands] = positionals;
  return {
    command,
    operands,
    servers: values.server?.flatMap((server) => server.split(',')) ?? cliDefaults().servers,
    identity: values.identity,
    deadlineMs: values.deadline === undefined ? undefined : duration(values.deadline),
    json: values.json ?? false,
    help: values.help ?? false,
    output: values.output,
    include: values.include ?? false,
    location: values.location ?? false,
    headers: (values.header ?? []).map(headerLine),
    where: values.where ?? [],
    fields: values.fields?.flatMap((list) => list.split(',')) ?? [],
    version: values.version ?? '',
    datasets: values.dataset?.flatMap((list) => list.split(',')) ?? [],
    job: values.job,
    wait: values['no-wait'] !== true,
    dryRun: values['dry-run'] ?? false,
    tags: values.tag ?? [],
    prefixes: values.prefix ?? [],
    scopes: values.scope ?? [],
    keys: values.key ?? [],
    soft: values.soft ?? false,
    limit: values.limit === undefined ? undefined : count(values.limit),
  };
}

function duration(text: string): number {
  const ms = parseDuration(text);
  if (ms !== undefined && ms > 0) return ms;
  throw new ConfigError(`--deadline ${text}: want a duration such as 500ms or 10s`);
}

function count(text: string): number {
  if (/^[1-9]\d{0,8}$/.test(text)) return Number(text);
  throw new ConfigError(`--limit ${text}: want a number of at least 1`);
}

function headerLine(text: string): readonly [string, string] {
  const [, name, value] = /^([\w!#$%&'*+.^`|~-]+):[ \t]*(.*)$/.exec(text) ?? [];
  if (name === undefined || value === undefined)
    throw new ConfigError(`--header ${text}: want 'Name: value'`);
  return [name, value];
}
