/** Paths of files in the config: where they start from, and whether they can be read. */
import { accessSync, constants } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { ConfigError } from '../errors.ts';
import { isLayer, valueAt } from './layer.ts';
import type { Layer } from './layer.ts';

/** `*` is any name; a list is gone through item by item. */
const CA = ['upstreams', '*', 'ca'];
const MODULES = [
  ['datasets', '*', 'transform', 'module'],
  ['datasets', '*', 'partitionBy', 'custom', 'module'],
];

const REDIS = [[], ['control']].flatMap((below) => {
  const files = [
    ['passwordFile'],
    ['sentinel', 'passwordFile'],
    ['tls', 'ca'],
    ['tls', 'cert'],
    ['tls', 'key'],
  ];
  return files.map((steps) => ['server', 'redis', ...below, ...steps]);
});

/** Makes relative paths start from the folder of the config file, whatever the working directory is. */
export function fromFolderOf(file: string, layer: Layer): Layer {
  const folder = dirname(resolve(file));
  return [CA, ...MODULES, ...REDIS].reduce(
    (changed, steps) =>
      changeAt(changed, steps, (path) => (path === '' ? path : resolve(folder, path))) as Layer,
    layer,
  );
}

function changeAt(value: unknown, steps: readonly string[], change: (text: string) => string): unknown {
  if (Array.isArray(value)) return value.map((item) => changeAt(item, steps, change));
  const [step, ...rest] = steps;
  if (step === undefined) return typeof value === 'string' ? change(value) : value;
  if (!isLayer(value)) return value;
  const changed = Object.entries(value).map(([key, below]) => [
    key,
    step === '*' || step === key ? changeAt(below, rest, change) : below,
  ]);
  return Object.fromEntries(changed) as Layer;
}

/** Which files a process reads: all of them the authorities, the cache server modules and those of its Redis too. */
export type WantedFiles = 'authorities' | 'authorities-and-modules';

/**
 * Looks for the files before anybody needs them.
 * @throws ConfigError with the key and the path of the first one that cannot be read
 */
export function requireFiles(
  config: Layer,
  wanted: WantedFiles,
  place: (path: readonly PropertyKey[]) => string,
): void {
  for (const steps of wanted === 'authorities' ? [CA] : [CA, ...MODULES, ...REDIS]) {
    for (const path of pathsTo(config, steps)) {
      const file = valueAt(config, path);
      if (typeof file === 'string') requireReadable(file, `${place(path)}: ${path.join('.')}`);
    }
  }
}

function requireReadable(file: string, key: string): void {
  try {
    accessSync(file, constants.R_OK);
  } catch (error) {
    const missing = error instanceof Error && 'code' in error && error.code === 'ENOENT';
    const why = missing ? 'there is no such file' : 'it cannot be read';
    throw new ConfigError(`${key}: found ${JSON.stringify(file)}, but ${why}`, { cause: error });
  }
}

function pathsTo(value: unknown, steps: readonly string[]): PropertyKey[][] {
  if (Array.isArray(value)) {
    return value.flatMap((item, at) => pathsTo(item, steps).map((path) => [at, ...path]));
  }
  const [step, ...rest] = steps;
  if (step === undefined) return [[]];
  if (!isLayer(value)) return [];
  const keys = step === '*' ? Object.keys(value) : Object.hasOwn(value, step) ? [step] : [];
  return keys.flatMap((key) => pathsTo(value[key], rest).map((path) => [key, ...path]));
}
