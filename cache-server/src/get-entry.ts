/** The story of a request, in the order of the wire. */
import { hasHeader, requestDirectives } from '@pannier/http-semantics';
import { answerFromFlight, answerOnError, refreshAhead, refreshBehind } from './answer-from-flight.ts';
import { answerHeadRequest } from './answer-head.ts';
import type { EntryAnswer, EntryRequest } from './entry-answer.ts';
import { answerOnlyIfCached, answerStored } from './entry-answers.ts';
import type { Asked, StoredOutcome } from './entry-answers.ts';
import { flightBody, storedBody } from './entry-bodies.ts';
import { createEntryContext } from './entry-context.ts';
import type { EntryContext, GetEntryDeps } from './entry-context.ts';
import type { EntryService } from './entry-service.ts';
import { locateEntry } from './entry-variants.ts';
import { CacheServerError } from './errors.ts';
import { describeManifest, explainRequest } from './explain-entry.ts';
import type { FetchNeed } from './fetch-task.ts';
import { entryUse, isFresh } from './freshness/entry-freshness.ts';
import type { EntryUse } from './freshness/entry-freshness.ts';
import type { Manifest } from './manifest.ts';
import { bypass, planRequest } from './request-plan.ts';
import { warmEntry } from './warm-entry.ts';

/** How often a request looks again because what it found was lost before it could be read. */
const ROUNDS_MAX = 4;

async function answerRequest(
  request: EntryRequest,
  context: EntryContext,
  signal: AbortSignal,
): Promise<EntryAnswer> {
  // Declared? Forbidden? Does the request itself go past the cache? If not, what is its key?
  const plan = planRequest(request, context);
  if (plan.kind === 'bypass') return plan;
  const { ignoreNoCache } = plan;
  const { forceRevalidate, onlyIfCached } = requestDirectives(request.headers);
  let need: FetchNeed = forceRevalidate && !ignoreNoCache ? 'confirmed' : 'any';

  for (let round = 0; round < ROUNDS_MAX; round += 1) {
    signal.throwIfAborted();
    const { key, varies, manifest } = await locateEntry(plan, request.headers, context);
    const asked: Asked = { request, plan, key };
    const now = context.clock.now();
    const use = manifest && entryUse(manifest, request.headers, { now, ignoreNoCache });
    const outcome = need === 'whole' ? undefined : OUTCOME_OF_USE[use ?? 'miss'];
    if (manifest !== undefined && outcome !== undefined) {
      const answer = await answerStored(asked, { manifest, outcome }, context);
      if (answer !== undefined && outcome === 'stale-while-revalidate')
        refreshBehind({ asked, varies }, context);
      if (answer !== undefined && outcome === 'hit') refreshAhead({ asked, varies }, manifest, context);
      if (answer !== undefined) return answer;
      need = 'whole';
    } else if (manifest !== undefined && need === 'any' && isFresh(manifest, now)) {
      // Fresh, but not for this request, which sets bounds of its own.
      need = 'confirmed';
    }
    if (onlyIfCached) return answerOnlyIfCached();
    if (context.uncacheable.has(key.text)) return bypass('bypass-uncacheable');
    const instead = context.failing.has(key.text) ? await answerOnError(asked, context) : undefined;
    if (instead !== undefined) return instead;
    const past = pastTheCache(request, manifest, context.flights.isUnderWay(key.text));
    if (past !== undefined) return past;
    if (request.method === 'HEAD' && manifest !== undefined)
      return await answerHeadRequest(asked, { manifest, varies, context }, signal);
    const answer = await answerFromFlight({ asked, varies, need }, context, signal);
    if (typeof answer === 'object') return answer;
    // The flight found an entry that is not good enough for this request, or whose body is lost: look again, ask for more.
    if (answer === 'ask-more') need = need === 'any' ? 'confirmed' : 'whole';
  }
  throw new CacheServerError('store', `what is stored of ${plan.target.url} was lost ${ROUNDS_MAX} times`);
}

/** What an answer from the store is called; what is missing here needs the upstream. */
const OUTCOME_OF_USE: Partial<Record<EntryUse, StoredOutcome>> = {
  fresh: 'hit',
  'stale-allowed': 'stale-allowed',
  'stale-while-revalidate': 'stale-while-revalidate',
};

/** Requests that nobody fetches a whole response for: a part, or a head, of what neither is nor will be stored. */
function pastTheCache(
  { method, headers }: EntryRequest,
  manifest: Manifest | undefined,
  isUnderWay: boolean,
): EntryAnswer | undefined {
  if (manifest !== undefined || isUnderWay) return undefined;
  if (method === 'HEAD') return bypass('bypass-method');
  return hasHeader(headers, 'range') ? bypass('bypass-range') : undefined;
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
      if (error.code === 'upstream-limited' || error.code === 'upstream-paused') counters.lookup(error.code);
      else if (error.code.startsWith('upstream-')) counters.lookup('upstream-error');
    }
    throw error;
  }
}

/** Entries of upstreams, over a store. */
export function createGetEntry(deps: GetEntryDeps): EntryService {
  const context = createEntryContext(deps);
  const { flights, manifests } = context;
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
    warm: async (request, watch) =>
      await warmEntry(request, watch, {
        context,
        answer: async (one) => await answerRequest(one, context, watch.signal),
      }),
    explain: async (request) => await explainRequest(request, context),
    describeManifest: async (keyText) => await describeManifest(keyText, context),
    counts: () => context.counters.snapshot(),
    activity: () => ({ flights: flights.size, waiters: flights.followers }),
    close: () => {
      flights.close();
      context.protection.close();
    },
  };
}
