/** The client of a command line. */
import { ConfigError } from '@pannier/runtime';
import { connect, PannierError } from '../index.ts';
import type { PannierClient } from '../index.ts';
import type { CommandLine } from './command-line.ts';

/** As that of the client. */
const DEADLINE_MS = 10_000;
const CONNECT_MS_MIN = 1000;

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
      // A person would rather wait for a busy server than be told to go elsewhere; another one can still be asked in time.
      connectTimeoutMs: Math.max(CONNECT_MS_MIN, (deadlineMs ?? DEADLINE_MS) / 2),
      ...(deadlineMs !== undefined && { deadlineMs }),
    });
  } catch (error) {
    if (error instanceof PannierError) throw new ConfigError(error.message, { cause: error });
    throw error;
  }
}
