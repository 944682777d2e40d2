import type { z } from 'zod';
import { ConfigError } from '../errors.ts';
import { configKeys, knownKeys } from './config-key.ts';
import { isLayer, valueAt } from './layer.ts';
import type { Layer } from './layer.ts';
import { nearestName } from './nearest-name.ts';

type Issue = z.core.$ZodIssue;

/** What was refused, and who can say where each part of it was written. */
export interface RefusedConfig {
  readonly config: Layer;
  /** Where the key was set: a file and line, a variable, or the command line. */
  readonly place: (path: readonly PropertyKey[]) => string;
}

/** One line for all that is wrong: the first issue in full, and how many more there are. */
export function describeRefusal(issues: readonly Issue[], refused: RefusedConfig): ConfigError {
  // A misspelt key often also leaves a required one missing; the misspelling is the cause.
  const [issue] = issues.toSorted((one, other) => Number(isUnknownKey(other)) - Number(isUnknownKey(one)));
  const line = issue === undefined ? 'refused' : describeIssue(issue, refused);
  return new ConfigError(issues.length > 1 ? `${line} (and ${issues.length - 1} more)` : line);
}

function describeIssue(issue: Issue, { config, place }: RefusedConfig): string {
  if (issue.code === 'unrecognized_keys') {
    const key = issue.keys[0] ?? '';
    const path = [...issue.path, masked(key)];
    return `${place([...issue.path, key])}: ${path.join('.')}: unknown key; ${suggestion(key, issue.path)}`;
  }
  if (issue.code === 'invalid_key') {
    const allowed = issue.issues[0]?.message;
    const name = nameOnly(String(issue.path.at(-1)));
    const path = [...issue.path.slice(0, -1), name];
    return `${place(issue.path)}: ${path.join('.')}: found the name ${JSON.stringify(name)}, expected ${allowed}`;
  }
  const key = issue.path.join('.');
  const value = valueAt(config, issue.path);
  const shown = isSecret(issue.path) ? 'a value' : describeValue(value);
  const found = value === undefined ? 'is required: expected' : `found ${shown}, expected`;
  return `${place(issue.path)}: ${key}: ${found} ${issue.message}`;
}

function isUnknownKey(issue: Issue): boolean {
  return issue.code === 'unrecognized_keys';
}

/** A key that is known elsewhere was put in the wrong section; any other is taken for a misspelling. */
function suggestion(key: string, parent: readonly PropertyKey[]): string {
  const siblings = knownKeys(parent);
  const elsewhere = configKeys().find(({ path }) => path.at(-1) === key);
  if (elsewhere !== undefined) return `did you mean ${elsewhere.path.join('.').replace('*', 'NAME')}?`;
  const nearest = nearestName(key, siblings);
  return nearest === undefined ? 'none is known here' : `did you mean ${[...parent, nearest].join('.')}?`;
}

/** Whether every value there may be a secret: a header may well be an API key. */
function isSecret(path: readonly PropertyKey[]): boolean {
  return path.at(-1) === 'keySecret' || path.at(-2) === 'headers';
}

/** A name that is none may be a whole header, value included, or a URL with its password. */
function nameOnly(key: string): string {
  return key.replace(/:.*$/s, ':…');
}

/** Short, on one line, and without what may be a password. */
function describeValue(value: unknown): string {
  if (Array.isArray(value)) return value.length === 0 ? 'an empty list' : 'a list';
  if (isLayer(value)) return 'a mapping of keys';
  if (value === null) return 'nothing';
  if (typeof value !== 'string') return `${value as number | boolean}`;
  const text = masked(value);
  return JSON.stringify(text.length > 60 ? `${text.slice(0, 60)}…` : text);
}

/** A URL may carry a password before its `@`, and be cut off before that: of Redis only what is a host and a port is shown. */
function masked(text: string): string {
  return text
    .replace(/^([a-z][a-z+.-]*:\/\/)?.*@/is, '$1***@')
    .replace(/^(rediss?:\/\/)(?!\*\*\*@|(\[[\da-f:.]+\]|[\w.-]+)(:\d*)?(\/|$)).*$/is, '$1***');
}
