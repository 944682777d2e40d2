/** The body behind a ticket: read with Fetch at the server that gave it, and to its end at another one when that breaks off. */
import { CacheService } from '@pannier/proto';
import type { Ticket } from '@pannier/proto';
import { PannierError } from '../errors.ts';
import type { PannierErrorCode } from '../errors.ts';
import { bodyChunks } from './body-chunks.ts';
import type { LookupBody } from './lookup-answer.ts';
import type { StreamLimits, StreamServer } from './transport.ts';

/** Reads a stream from one server after the other, by the rules of `Transport.stream`. */
export type ReadFromServers = <T>(
  attempt: (server: StreamServer) => AsyncIterable<T>,
  limits: {
    readonly signal: AbortSignal | undefined;
    readonly movesOn: (error: PannierError) => boolean;
    readonly again?: StreamLimits['again'];
  },
) => AsyncGenerator<T, void, undefined>;

/** Failures of one server that leave hope for another: it is gone, or it cannot see the version. */
const MOVES_ON: readonly PannierErrorCode[] = ['unavailable', 'draining', 'not-found', 'store'];

/** The body of a response that came with a ticket; `bodyBytes` is undefined while unknown. */
export function ticketBody(ticket: Ticket, bodyBytes: number | undefined, read: ReadFromServers): LookupBody {
  let taken = false;
  return {
    kind: 'stream',
    read(signal) {
      if (taken) throw new PannierError('closed', 'a body is read once');
      taken = true;
      return readBody({ ticket, bodyBytes, read, signal });
    },
    readFrom: (offset, signal) => readBody({ ticket, bodyBytes, read, signal, offset }),
    // The server gives up a ticket that nobody claims.
    cancel() {
      taken = true;
    },
  };
}

interface BodyRead {
  readonly ticket: Ticket;
  readonly bodyBytes: number | undefined;
  readonly read: ReadFromServers;
  readonly signal: AbortSignal;
  readonly offset?: number;
}

async function* readBody({
  ticket,
  bodyBytes,
  read,
  signal,
  offset = 0,
}: BodyRead): AsyncGenerator<Uint8Array, void, undefined> {
  const progress = { offset, bodyBytes };
  try {
    yield* read(
      (server) => {
        const request = { ticket, offset: BigInt(progress.offset) };
        return bodyChunks(server.open(CacheService.method.fetch, request), progress);
      },
      { signal, movesOn: ({ code }) => MOVES_ON.includes(code) },
    );
  } catch (error) {
    if (signal.aborted) throw signal.reason;
    if (!(error instanceof PannierError) || error.code === 'closed') throw error;
    throw new PannierError('body-broken', `after ${progress.offset} bytes: ${error.message}`, {
      cause: error,
      httpStatus: error.httpStatus,
      proxyError: error.proxyError,
    });
  }
}
