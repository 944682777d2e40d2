import { ConfigError } from '../errors.ts';
import type { Config } from './schema.ts';

/** A value that the schema lets pass and whoever has to use it cannot: a cron pattern that is none, an expression that does not compile. */
export interface ConfigFault {
  /** The key, such as `['upstreams', 'rates', 'refresh', 0, 'cron']`. */
  readonly path: readonly (string | number)[];
  /** What is wrong with it, on one line. */
  readonly why: string;
  readonly cause?: unknown;
}

/** Finds what only the program that uses a value can judge. */
export type ConfigCheck = (config: Config) => Iterable<ConfigFault>;

/**
 * Runs the checks.
 *
 * @param place where a key was set, for the message; without it the key alone is told
 * @throws ConfigError of one line for the first fault
 */
export function requireFaultless(
  config: Config,
  checks: readonly ConfigCheck[],
  place?: (path: readonly PropertyKey[]) => string,
): void {
  for (const check of checks) {
    for (const { path, why, cause } of check(config)) {
      const where = place === undefined ? '' : `${place(path)}: `;
      throw new ConfigError(`${where}${path.join('.')}: ${why.replaceAll(/\s*\n\s*/g, ' ')}`, { cause });
    }
  }
}
