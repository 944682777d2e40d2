/** The client of a command line. */
import { ConfigError } from '@pannier/runtime';
import { connect, PannierError } from '../index.ts';
import type { PannierClient } from '../index.ts';
import type { CommandLine } from './command-line.ts';

/** Opens it. @param servers others than the line names @throws ConfigError for an address that is none */
export function openClient(
  { servers: named, identity, deadlineMs }: CommandLine,
  servers: readonly string[] = named,
): PannierClient {
  try {
    // What is asked for is what the server has: a near cache would only hide it.
    return connect(servers, {
      identity,
      nearCacheBytesMax: 0,
      ...(deadlineMs !== undefined && { deadlineMs }),
    });
  } catch (error) {
    if (error instanceof PannierError) throw new ConfigError(error.message, { cause: error });
    throw error;
  }
}
