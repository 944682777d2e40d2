/** A fetch that nobody waits for: the same flight as for any request, followed until what it brings is stored. */
import { abortable } from '@pannier/runtime';
import type { EntryAnswer, EntryRequest, EntryResponse } from './entry-answer.ts';
import type { EntryContext } from './entry-context.ts';
import type { WarmWatch } from './entry-service.ts';
import { CacheServerError } from '../errors.ts';
import { unstoredSince } from './unstored-reasons.ts';

/** How often it is asked again because what was answered is stale, or was not stored. */
const ROUNDS_MAX = 3;

/** What it works with. */
interface WarmDeps {
  readonly context: Pick<EntryContext, 'flights' | 'manifests' | 'unstored'>;
  readonly answer: (request: EntryRequest) => Promise<EntryAnswer>;
}

/** See `EntryService.warm`. */
export async function warmEntry(
  request: EntryRequest,
  watch: WarmWatch,
  { context, answer }: WarmDeps,
): Promise<void> {
  let asked = request;
  const onlyStale = new CacheServerError('store', 'only a stale response could be had');
  let why = onlyStale;
  for (let round = 0; round < ROUNDS_MAX; round += 1) {
    const response = await answer(asked);
    if (response.kind === 'bypass')
      throw new CacheServerError('bad-data', `it may not be cached (${response.outcome})`);
    refuseFailure(response);
    if (!response.outcome.startsWith('stale')) {
      const { key, refusal, requestTimeMs } = response;
      if (await isStored(response, watch, context)) return;
      if (refusal !== undefined)
        throw new CacheServerError('bad-data', `its response may not be stored (${refusal})`);
      why = unstoredSince(context.unstored, key, requestTimeMs);
      if (why.code === 'bad-data') throw why;
      continue;
    }
    // Good enough for a client, and refreshed behind its back: here that is waited for.
    response.body.release();
    why = onlyStale;
    asked = {
      ...request,
      headers: [...request.headers, ['cache-control', 'no-cache']],
      isConfirming: true,
    };
  }
  throw why;
}

/** An error may be cached for a while, but nobody asks for it beforehand. */
function refuseFailure({ status, body }: EntryResponse): void {
  if (status < 400) return;
  body.release();
  const code = status >= 500 || status === 429 ? 'upstream-protocol' : 'bad-data';
  throw new CacheServerError(code, `the upstream answered ${status}`);
}

/** Reads the body of a flight to its end, at the pace of what stores it, and waits until it is published. */
async function isStored(
  { key, body, requestTimeMs = Infinity }: EntryResponse,
  { signal, onBytes }: WarmWatch,
  { flights, manifests }: WarmDeps['context'],
): Promise<boolean> {
  const { bodyBytes, version } = body;
  const flight = key && flights.find(key.text, version);
  let bytes = 0;
  if (flight === undefined || body.inline !== undefined) {
    body.release();
    bytes = bodyBytes ?? 0;
  } else {
    for await (const part of body.open(0, signal)) {
      bytes += part.kind === 'raw' ? part.bytes.byteLength : part.bodyBytes;
      onBytes(bytes, bodyBytes);
    }
  }
  onBytes(bytes, bodyBytes ?? bytes);
  if (flight !== undefined) await abortable(flight.ended, signal);
  if (key === undefined) return false;
  const stored = await manifests.read(key.text);
  // Not by its version: what came once more as it was keeps the old one.
  return stored !== undefined && stored.requestTimeMs >= requestTimeMs;
}
