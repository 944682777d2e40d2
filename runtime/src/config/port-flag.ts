import { ConfigError } from '../errors.ts';

/**
 * A port as a command-line flag gives it.
 * @param flag such as `--port`
 * @throws ConfigError that names the flag and what was found
 */
export function portFlag(flag: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const port = /^\d{1,5}$/.test(text) ? Number(text) : Number.NaN;
  if (port <= 65_535) return port;
  throw new ConfigError(
    `command line: ${flag}: found ${JSON.stringify(text)}, expected a port from 0 to 65535`,
  );
}
