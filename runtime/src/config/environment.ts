import { ConfigError } from '../errors.ts';
import { configKeys } from './config-key.ts';
import type { ConfigKey } from './config-key.ts';
import { mergeLayers } from './layer.ts';
import type { Layer } from './layer.ts';
import { nearestName } from './nearest-name.ts';

/** What `process.env` is; passed in, so that a test needs no process of its own. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** Names the server for the `pannier` command; a shell that has it set may start our processes, too. */
const COMMAND_LINE_SERVER = 'PANNIER_SERVER';

/** The part of the config that the environment sets, and the variable behind each path (its steps joined by dots). */
export interface EnvironmentLayer {
  readonly layer: Layer;
  readonly variables: ReadonlyMap<string, string>;
}

/**
 * Reads the `PANNIER_…` variables that name a section of the config; others are not ours to judge. An empty one counts as not
 * set, except for a list, which it empties.
 * @throws ConfigError for a variable that names a section but no key of it
 */
export function readEnvironment(env: Environment): EnvironmentLayer {
  const keys = configKeys();
  const sections = new Set(keys.map((key) => key.env.split('_')[1]));
  const variables = new Map<string, string>();
  let layer: Layer = {};
  for (const [name, text] of Object.entries(env)) {
    if (text === undefined || !name.startsWith('PANNIER_') || name === COMMAND_LINE_SERVER) continue;
    if (!sections.has(name.split('_')[1]) || isServiceLink(name, text)) continue;
    const { key, path } = findKey(name, keys);
    if (text === '' && key.form !== 'list' && key.form !== 'pairs') continue;
    layer = mergeLayers(layer, nest(path, readers[key.form](text)));
    variables.set(path.join('.'), name);
  }
  return { layer, variables };
}

/**
 * Kubernetes gives every pod variables for each Service of its namespace. One named `pannier-server` sets PANNIER_SERVER_PORT to
 * `tcp://10.0.0.1:7070`, which is no port of ours.
 */
function isServiceLink(name: string, text: string): boolean {
  return (
    /^(tcp|udp|sctp):\/\//.test(text) ||
    /_SERVICE_(HOST|PORT(_\w+)?)$|_PORT_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?$/.test(name)
  );
}

function findKey(name: string, keys: readonly ConfigKey[]): { key: ConfigKey; path: string[] } {
  const named = keys
    .map((key) => ({ key, match: new RegExp(`^${key.env.replace('<NAME>', '([A-Z0-9_]+)')}$`).exec(name) }))
    .filter(({ match }) => match !== null)
    // PANNIER_UPSTREAMS_<NAME>_… may match with two names: the shorter name goes with the longer, more telling key.
    .toSorted((one, other) => (one.match?.[1]?.length ?? 0) - (other.match?.[1]?.length ?? 0));
  const [found] = named;
  if (found === undefined) {
    const nearest = nearestName(
      name,
      keys.map((key) => key.env),
    );
    throw new ConfigError(`${name}: no such key in the config; the nearest variable is ${nearest}`);
  }
  const chosen = (found.match?.[1] ?? '').toLowerCase().replaceAll('_', '-');
  return { key: found.key, path: found.key.path.map((step) => (step === '*' ? chosen : step)) };
}

/** How a text becomes a value. One that does not fit is left as it is: the schema refuses it, with the words for it. */
const readers: Record<ConfigKey['form'], (text: string) => unknown> = {
  text: structured,
  number: (text) => (/^-?\d+(\.\d+)?$/.test(text) ? Number(text) : text),
  list: itemsOf,
  'text-or-list': (text) => {
    const value = structured(text);
    return value === text && text.includes(',') ? itemsOf(text) : value;
  },
  pairs: (text) => Object.fromEntries(itemsOf(text).map((item) => splitAtEquals(item))),
};

/** A list or an object, such as a dataset's `partitionBy`, is written as JSON. */
function structured(text: string): unknown {
  if (!/^[[{]/.test(text)) return text;
  try {
    return JSON.parse(text) as unknown;
  } catch {
    // A text that only begins so.
    return text;
  }
}

function itemsOf(text: string): string[] {
  return text
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== '');
}

function splitAtEquals(item: string): [string, string] {
  const [name = '', ...rest] = item.split('=');
  return [name, rest.join('=')];
}

function nest(path: readonly string[], value: unknown): Layer {
  const [first = '', ...rest] = path;
  return { [first]: rest.length === 0 ? value : nest(rest, value) };
}
