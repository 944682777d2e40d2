/** The story of a request, in the order of the wire. */
import { hasHeader, requestDirectives, singleRange } from '@pannier/http-semantics';
import type { Outcome } from '@pannier/http-semantics';
import { answerFromFlight, answerOnError, refreshAhead, refreshBehind } from './entry/answer-from-flight.ts';
import type { WaitingRequest } from './entry/answer-from-flight.ts';
import { answerHeadRequest } from './entry/answer-head.ts';
import type { EntryAnswer, EntryRequest } from './entry/entry-answer.ts';
import { answerOnlyIfCached, answerStored } from './entry/entry-answers.ts';
import type { Asked, StoredOutcome } from './entry/entry-answers.ts';
import { flightBody, storedBody } from './entry/entry-bodies.ts';
import { createEntryContext } from './entry/entry-context.ts';
import type { EntryContext, GetEntryDeps } from './entry/entry-context.ts';
import type { EntryService } from './entry/entry-service.ts';
import { locateEntry } from './entry/entry-variants.ts';
import { versionName } from './entry/manifest.ts';
import { CacheServerError } from './errors.ts';
import { describeManifest, explainRequest } from './entry/explain-entry.ts';
import type { FetchNeed } from './fetch/fetch-task.ts';
import { entryUse, isFresh } from './freshness/entry-freshness.ts';
import type { EntryUse } from './freshness/entry-freshness.ts';
import { answerHeldPart, answerPart } from './partial/answer-part.ts';
import { repairOf } from './entry/repaired-body.ts';
import { bypass, planRequest } from './entry/request-plan.ts';
import { warmEntry } from './entry/warm-entry.ts';

/** How often a request looks again because what it found was lost before it could be read. */
const ROUNDS_MAX = 4;

async function answerRequest(
  request: EntryRequest,
  context: EntryContext,
  signal: AbortSignal,
): Promise<EntryAnswer> {
  // Declared? Forbidden? Does the request itself go past the cache? If not, what is its key?
  const sinceMs = context.clock.now();
  const plan = planRequest(request, context);
  if (plan.kind === 'bypass') return plan;
  const { ignoreNoCache } = plan;
  const { forceRevalidate, onlyIfCached } = requestDirectives(request.headers);
  let need: FetchNeed = forceRevalidate && !ignoreNoCache ? 'confirmed' : 'any';
  if (request.isStoredUnreadable === true) need = 'whole';
  // Whose If-Range names another version than there is asks for all of it, Range or not.
  let wantsWhole = false;

  for (let round = 0; round < ROUNDS_MAX; round += 1) {
    signal.throwIfAborted();
    const { key, varies, manifest } = await locateEntry(plan, request.headers, context);
    const asked: Asked = { request, plan, key };
    const now = context.clock.now();
    const use = manifest && entryUse(manifest, request.headers, { now, ignoreNoCache });
    const outcome = need === 'whole' ? undefined : OUTCOME_OF_USE[use ?? 'miss'];
    if (manifest !== undefined && outcome !== undefined) {
      const answer = await answerStored(
        asked,
        { manifest, outcome, repair: repairOf({ asked, varies }, context) },
        context,
      );
      if (answer !== undefined && outcome === 'stale-while-revalidate')
        refreshBehind({ asked, varies }, context);
      if (answer !== undefined && outcome === 'hit') refreshAhead({ asked, varies }, manifest, context);
      if (answer !== undefined) return answer;
      need = 'whole';
    } else if (manifest !== undefined && need === 'any' && isFresh(manifest, now)) {
      // Fresh, but not for this request, which sets bounds of its own.
      need = 'confirmed';
    }
    const part = manifest === undefined && need === 'any' ? await answerHeldPart(asked, context) : undefined;
    if (part !== undefined) return part;
    if (onlyIfCached) return answerOnlyIfCached();
    if (context.uncacheable.has(key.text)) return bypass('bypass-uncacheable');
    const instead = context.failing.has(key.text) ? await answerOnError(asked, context) : undefined;
    if (instead !== undefined) return instead;
    if (request.method === 'HEAD' && manifest !== undefined)
      return await answerHeadRequest(asked, { manifest, varies, context }, signal);
    const wanted = { asked, varies, need, sinceMs, wantsWhole, isStored: manifest !== undefined };
    const answer = await answerFromUpstream(wanted, context, signal);
    if (typeof answer === 'object') return answer;
    wantsWhole ||= answer === 'whole';
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

/**
 * Joins a fetch of the whole; or of a part, where nobody fetches the whole or has come near that part. Several parts, and a head, of what
 * neither is nor will be stored, lead past the cache.
 */
async function answerFromUpstream(
  wanted: WaitingRequest & { readonly wantsWhole: boolean; readonly isStored: boolean },
  context: EntryContext,
  signal: AbortSignal,
): Promise<EntryAnswer | 'other-variant' | 'ask-more' | 'whole'> {
  const { key, request } = wanted.asked;
  const asksForPart = !wanted.wantsWhole && hasHeader(request.headers, 'range');
  const range = asksForPart && request.method === 'GET' ? singleRange(request.headers) : undefined;
  if (!wanted.isStored && !context.flights.isUnderWay(key.text)) {
    if (request.method === 'HEAD') return bypass('bypass-method');
    if (range !== undefined) return await answerPart({ ...wanted, range }, context, signal);
    if (asksForPart) return bypass('bypass-range');
  }
  const answer = await answerFromFlight(wanted, context, signal);
  const isOutOfReach = typeof answer === 'object' && answer.outcome === 'bypass-range';
  return isOutOfReach && range !== undefined
    ? await answerPart({ ...wanted, range }, context, signal)
    : answer;
}

/** Counts what became of a request, answered or not. */
async function counted(answering: Promise<EntryAnswer>, { counters }: EntryContext): Promise<EntryAnswer> {
  try {
    const answer = await answering;
    counters.lookup(answer.outcome);
    return answer;
  } catch (error) {
    const outcome = error instanceof CacheServerError ? outcomeOf(error) : undefined;
    if (outcome !== undefined) counters.lookup(outcome);
    throw error;
  }
}

/** What a request that failed is counted as; undefined where that is this server's own failure, or its caller's. */
function outcomeOf({ code }: CacheServerError): Outcome | undefined {
  if (code === 'forbidden-target') return 'refused';
  if (code === 'upstream-limited' || code === 'upstream-paused' || code === 'wait-limited') return code;
  return code.startsWith('upstream-') ? 'upstream-error' : undefined;
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
      const found = context.repairs.get(versionName(keyText, version));
      const manifest = found?.manifest ?? (await manifests.readVersion(keyText, version));
      return manifest && (await storedBody(keyText, manifest, { ...context, repair: found?.repair }));
    },
    warm: async (request, watch) =>
      await warmEntry(request, watch, {
        context,
        answer: async (one) => await answerRequest({ ...one, isPatient: true }, context, watch.signal),
      }),
    explain: async (request) => await explainRequest(request, context),
    describeManifest: async (keyText) => await describeManifest(keyText, context),
    counts: () => context.counters.snapshot(),
    activity: () => ({ flights: flights.size, waiters: flights.followers }),
    upstreamLoads: () => context.protection.loads(),
    close: () => {
      flights.close();
      context.protection.close();
    },
  };
}
