/** The one file of the CLI that reads the environment. */
const SERVER_DEFAULT = '127.0.0.1:7070';

/** What a flag that is not given falls back to. */
export interface CliDefaults {
  /** From `PANNIER_SERVER`: one server, or several with commas between. */
  readonly servers: readonly string[];
}

/** Reads the defaults. */
export function cliDefaults(env: Readonly<Record<string, string | undefined>> = process.env): CliDefaults {
  const named = (env['PANNIER_SERVER'] ?? '').split(',').map((server) => server.trim());
  const servers = named.filter((server) => server !== '');
  return { servers: servers.length === 0 ? [SERVER_DEFAULT] : servers };
}
