/** The client of a command line. */
import { ConfigError } from '@pannier/runtime';
import { DEADLINE_MS } from '../connect.ts';
import { connect, PannierError } from '../index.ts';
import type { PannierClient } from '../index.ts';
import type { CommandLine } from './command-line.ts';

const CONNECT_MS_MIN = 1000;

/** Opens it. @param servers others than the line names @throws ConfigError for an address that is none */
export function openClient(
  { servers: named, identity, deadlineMs = DEADLINE_MS }: CommandLine,
  servers: readonly string[] = named,
): PannierClient {
  try {
    // What is asked for is what the server has: a near cache would only hide it.
    return connect(servers, {
      identity,
      nearCacheBytesMax: 0,
      // A person would rather wait for a busy server than be told to go elsewhere; another one can still be asked in time.
      connectTimeoutMs: Math.max(CONNECT_MS_MIN, deadlineMs / 2),
      deadlineMs,
    });
  } catch (error) {
    if (error instanceof PannierError) throw new ConfigError(error.message, { cause: error });
    throw error;
  }
}
