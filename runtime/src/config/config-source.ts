import { readFileSync } from 'node:fs';
import { ConfigError } from '../errors.ts';
import { describeAllowed } from './allowed-value.ts';
import { requireFaultless } from './config-fault.ts';
import type { ConfigCheck } from './config-fault.ts';
import { readEnvironment } from './environment.ts';
import type { Environment } from './environment.ts';
import { fromFolderOf, requireFiles } from './file-paths.ts';
import type { WantedFiles } from './file-paths.ts';
import { depthOf, mergeLayers } from './layer.ts';
import type { Layer } from './layer.ts';
import { describeRefusal } from './refusal.ts';
import { configSchema } from './schema.ts';
import type { Config, ConfigInput } from './schema.ts';
import { readYaml } from './yaml-file.ts';

/** Some keys of `T`, at any depth; a key that is undefined says nothing. */
type Partly<T> = T extends readonly unknown[]
  ? T
  : T extends object
    ? { [K in keyof T]?: Partly<T[K]> | undefined }
    : T;

/** What command-line flags set. */
export type ConfigOverrides = Partly<ConfigInput>;

/** Where a config comes from. Each beats the one before it: defaults, file, environment, overrides. */
export interface ConfigSource {
  /** The YAML file; without one, the other sources alone. */
  readonly path?: string | undefined;
  /** Default: the environment of this process. */
  readonly env?: Environment | undefined;
  readonly overrides?: ConfigOverrides | undefined;
  /** Files named by the config that must be there. Default `authorities`. */
  readonly files?: WantedFiles | undefined;
  /** What the schema cannot judge. Default: nothing. */
  readonly checks?: readonly ConfigCheck[] | undefined;
}

/**
 * Reads and checks the config; what it returns is complete. Relative paths of files that the config file names start from its own
 * folder, all others from the working directory.
 * @throws ConfigError of one line with the place, the key, what was found and what is allowed
 */
export function loadConfig(source: ConfigSource = {}): Config {
  return parseConfig(source.path === undefined ? '' : readText(source.path), source);
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw unreadable(path, error);
  }
}

/** The one line for a config file that cannot be read. */
export function unreadable(path: string, error: unknown): ConfigError {
  const reason = error instanceof Error && 'code' in error ? error.code : undefined;
  const line = reason === 'ENOENT' ? 'no such file' : `cannot be read (${String(reason ?? error)})`;
  return new ConfigError(`${path}: ${line}`, { cause: error });
}

/** As {@link loadConfig}, with the text of the file in hand. */
export function parseConfig(text: string, source: ConfigSource = {}): Config {
  const file = readYaml(text, source.path ?? 'config');
  const environment = readEnvironment(source.env ?? process.env);
  const overrides = (source.overrides ?? {}) as Layer;
  const fileLayer = source.path === undefined ? file.layer : fromFolderOf(source.path, file.layer);

  const place = (path: readonly PropertyKey[]): string => {
    const inOverrides = depthOf(overrides, path);
    const inEnvironment = depthOf(environment.layer, path);
    const inFile = depthOf(file.layer, path);
    if (inOverrides > 0 && inOverrides >= Math.max(inEnvironment, inFile)) return 'command line';
    if (inEnvironment === 0 || inEnvironment < inFile) return file.place(path);
    return environment.variables.get(path.slice(0, inEnvironment).join('.')) ?? 'environment';
  };
  const config = [environment.layer, overrides].reduce(mergeLayers, fileLayer);
  const result = configSchema.safeParse(config, { error: describeAllowed });
  if (result.success) {
    requireFiles(result.data, source.files ?? 'authorities', place);
    requireFaultless(result.data, source.checks ?? [], place);
    return result.data;
  }
  throw describeRefusal(result.error.issues, { config, place });
}
