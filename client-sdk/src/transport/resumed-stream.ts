/** A stream that is read from one server after the other until it has come to its end. */
import { PannierError } from '../errors.ts';
import { isServerLost } from './server-failure.ts';
import type { ServerLink } from './server-link.ts';
import type { StreamServer, TransportEvent } from './transport.ts';

/** When to go on elsewhere. */
export interface ResumeRules {
  readonly signal: AbortSignal | undefined;
  /** Whether another server may do better after this failure. */
  readonly movesOn: (error: PannierError) => boolean;
  /** Asked when every server has failed; it may wait. True: all are tried once more. */
  readonly again: ((error: PannierError) => Promise<boolean>) | undefined;
  readonly onEvent: (event: TransportEvent) => void;
}

/**
 * Yields what the attempts yield, each attempt beginning where the one before broke off.
 *
 * @param linksOfRound servers in the order in which they are tried; the first once more at the end, when it was its connection that broke
 * @throws the last failure; the signal's reason
 */
export async function* resumedStream<T>(
  linksOfRound: () => Promise<readonly ServerLink[]>,
  attempt: (server: StreamServer) => AsyncIterable<T>,
  { signal, movesOn, again, onEvent }: ResumeRules,
): AsyncGenerator<T, void, undefined> {
  let broken: { readonly server: string; readonly error: PannierError } | undefined;
  do {
    const links = await linksOfRound();
    const order = [...links];
    for (const link of order) {
      if (broken !== undefined) {
        onEvent({ kind: 'stream-resumed', server: link.server, reason: broken.error.message });
      }
      try {
        yield* attempt({ open: (method, request) => link.stream(method, request, signal) });
        return;
      } catch (error) {
        signal?.throwIfAborted();
        if (!(error instanceof PannierError) || !movesOn(error)) throw error;
        broken = { server: link.server, error };
        // The loop sees what is appended.
        if (link === links[0] && order.length === links.length && isServerLost(error)) order.push(link);
      }
    }
  } while (broken !== undefined && (await again?.(broken.error)) === true);
  if (broken === undefined) throw new PannierError('unavailable', 'no cache server is known');
  onEvent({ kind: 'stream-broken', server: broken.server, reason: broken.error.message });
  throw broken.error;
}
