/** The story of a request, in the order of the wire. */
import { requestDirectives } from '@pannier/http-semantics';
import type { EntryAnswer, EntryRequest } from './entry-answer.ts';
import { answerArriving, answerOnlyIfCached, answerStored } from './entry-answers.ts';
import type { Asked } from './entry-answers.ts';
import { flightBody, storedBody } from './entry-bodies.ts';
import { createEntryContext } from './entry-context.ts';
import type { EntryContext, GetEntryDeps } from './entry-context.ts';
import type { EntryService } from './entry-service.ts';
import { CacheServerError } from './errors.ts';
import { describeManifest, explainRequest } from './explain-entry.ts';
import { fetchEntry } from './fetch-entry.ts';
import type { FetchNeed } from './fetch-entry.ts';
import type { FlightHead } from './flight-head.ts';
import { entryState } from './freshness/entry-freshness.ts';
import { removeUrl } from './remove-url.ts';
import { planRequest } from './request-plan.ts';

/** How often a request looks again because what it found was lost before it could be read. */
const ROUNDS_MAX = 4;
/** How long after its head a response may be joined although it is not fresh, in milliseconds. */
const JOINED_LATE_MS_MAX = 1000;

async function answerRequest(
  request: EntryRequest,
  context: EntryContext,
  signal: AbortSignal,
): Promise<EntryAnswer> {
  // Declared? Forbidden? Does the request itself go past the cache? If not, what is its key?
  const plan = planRequest(request, context);
  if (plan.kind === 'bypass') return plan;
  const asked: Asked = { request, plan };
  const { forceRevalidate, onlyIfCached } = requestDirectives(request.headers);
  let need: FetchNeed = forceRevalidate ? 'confirmed' : 'any';

  for (let round = 0; round < ROUNDS_MAX; round += 1) {
    signal.throwIfAborted();
    const manifest = await context.manifests.read(plan.key.text);
    const now = context.clock.now();
    if (
      manifest !== undefined &&
      need !== 'whole' &&
      entryState(manifest, request.headers, now) === 'fresh'
    ) {
      const answer = await answerStored(asked, { manifest, outcome: 'hit' }, context);
      if (answer !== undefined) return answer;
      need = 'whole';
    } else if (manifest !== undefined && need === 'any' && entryState(manifest, [], now) === 'fresh') {
      // Fresh, but not for this request, which sets bounds of its own.
      need = 'confirmed';
    }
    if (onlyIfCached) return answerOnlyIfCached();
    const answer = await answerFromFlight(asked, { need, context }, signal);
    if (answer !== undefined) return answer;
    // The flight found an entry that is not good enough for this request, or whose body is lost: look again, ask for more.
    need = need === 'any' ? 'confirmed' : 'whole';
  }
  throw new CacheServerError('store', `what is stored of ${plan.target.url} was lost ${ROUNDS_MAX} times`);
}

/**
 * Whether a response that was already arriving when the request was made will do: while it is fresh. One that arrived a moment
 * ago will always do; else a slow body that must be revalidated on every use would be fetched once for each of a thousand callers.
 */
function acceptsEarlier(
  head: FlightHead,
  { request, need, now }: { request: EntryRequest; need: FetchNeed; now: number },
): boolean {
  if (head.kind === 'stored' || now - head.head.responseTimeMs <= JOINED_LATE_MS_MAX) return true;
  return need !== 'confirmed' && entryState(head.head, request.headers, now) === 'fresh';
}

async function answerFromFlight(
  asked: Asked,
  { need, context }: { need: FetchNeed; context: EntryContext },
  signal: AbortSignal,
): Promise<EntryAnswer | undefined> {
  const { plan, request } = asked;
  const task = { ...plan, need };
  const seat = context.flights.join(plan.key, {
    run: async (flight) => await fetchEntry(task, flight, context),
    accepts: (head) => acceptsEarlier(head, { request, need, now: context.clock.now() }),
  });
  const { isFirst, flight } = seat;
  const isLate = flight.sharedBody?.isWhole === true;
  try {
    const head = await seat.head(signal);
    if (head.kind === 'arriving')
      return await answerArriving(
        asked,
        { arriving: head, version: flight.version, isFirst, isLate },
        context,
      );
    const { manifest, outcome } = head;
    const good =
      outcome === 'revalidated' || entryState(manifest, request.headers, context.clock.now()) === 'fresh';
    if (!good) return undefined;
    return await answerStored(asked, { manifest, outcome, collapsed: !isFirst }, context);
  } finally {
    seat.leave();
  }
}

/** Counts what became of a request, answered or not. */
async function counted(answering: Promise<EntryAnswer>, { counters }: EntryContext): Promise<EntryAnswer> {
  try {
    const answer = await answering;
    counters.lookup(answer.outcome);
    return answer;
  } catch (error) {
    if (error instanceof CacheServerError) {
      if (error.code === 'forbidden-target') counters.lookup('refused');
      if (error.code.startsWith('upstream-')) counters.lookup('upstream-error');
    }
    throw error;
  }
}

/** Entries of upstreams, over a store. */
export function createGetEntry(deps: GetEntryDeps): EntryService {
  const context = createEntryContext(deps);
  const { flights, manifests, store } = context;
  return {
    getEntry: async (request, _caller, signal) =>
      await counted(answerRequest(request, context, signal), context),
    async openVersion(keyText, version, signal) {
      signal.throwIfAborted();
      const flight = flights.find(keyText, version);
      const body = flight?.sharedBody;
      if (flight !== undefined && body !== undefined)
        return flightBody({ version, body, scope: flight.key.scope }, context);
      const manifest = await manifests.readVersion(keyText, version);
      return manifest && (await storedBody(keyText, manifest, context));
    },
    explain: async (request) => await explainRequest(request, context),
    removeEntry: async (keyText) => {
      flights.revoke((key) => key === keyText);
      return await store.deleteManifest(keyText);
    },
    removeUrl: async (url) => await removeUrl(url, context),
    describeManifest: async (keyText) => await describeManifest(keyText, context),
    counts: () => context.counters.snapshot(),
    activity: () => ({ flights: flights.size, waiters: flights.followers }),
    close: () => flights.close(),
  };
}
