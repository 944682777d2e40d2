/** An answer whose body has begun: until then nothing was sent to the client, and one that breaks can be asked for anew. */
import { PannierError } from '@pannier/client/transport';
import type { LookupAnswer, LookupResponse } from '@pannier/client/transport';

/** How often an answer is asked for before the cache is taken for unavailable. */
const ATTEMPTS_MAX = 3;

/** Failures of servers, and none of what they were asked for. */
const SERVER_LOST: ReadonlySet<string> = new Set(['unavailable', 'draining', 'not-found', 'store']);

/**
 * Asks until an answer has begun. One that breaks for another reason than a lost server is given as it is: its body tells.
 *
 * @param ask makes a lookup of its own, or shares one
 * @throws what `ask` throws; the last failure when each answer broke before its first byte
 */
export async function begunAnswer<T extends { readonly answer: LookupAnswer }>(
  ask: () => Promise<T>,
  signal: AbortSignal,
): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    const asked = await ask();
    const { answer } = asked;
    if (answer.kind === 'bypass' || answer.body.kind === 'whole') return asked;
    try {
      return { ...asked, answer: await begun(answer, signal) };
    } catch (error) {
      if (signal.aborted || attempt === ATTEMPTS_MAX) throw error;
    }
  }
}

/** @throws what a lost server's body broke with before its first byte; the signal's reason */
async function begun(answer: LookupResponse, signal: AbortSignal): Promise<LookupResponse> {
  if (answer.body.kind === 'whole') return answer;
  const chunks = answer.body.read(signal)[Symbol.asyncIterator]();
  const start = await chunks.next().catch(asError);
  signal.throwIfAborted();
  if (isServerLost(start)) throw start;
  const cancel = (): void => void chunks.return?.().catch(() => undefined);
  return { ...answer, body: { ...answer.body, read: () => replayed(start, chunks), cancel } };
}

/** What was taken first, then the rest. No generator: it would be one more turn of the loop for each chunk of each client. */
function replayed(
  start: IteratorResult<Uint8Array> | Error,
  chunks: AsyncIterator<Uint8Array>,
): AsyncIterable<Uint8Array> {
  let isAtStart = true;
  const next = async (): Promise<IteratorResult<Uint8Array>> => {
    if (!isAtStart) return await chunks.next();
    isAtStart = false;
    if (start instanceof Error) throw start;
    return start;
  };
  const leave = async (): Promise<IteratorResult<Uint8Array>> =>
    (await chunks.return?.()) ?? { done: true, value: undefined };
  return { [Symbol.asyncIterator]: () => ({ next, return: leave }) };
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}

function isServerLost(error: unknown): error is PannierError {
  if (!(error instanceof PannierError) || error.code !== 'body-broken') return false;
  return error.cause instanceof PannierError && SERVER_LOST.has(error.cause.code);
}
