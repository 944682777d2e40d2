/** What operators ask: what would become of a request, and what is stored under a key. Nothing here asks an upstream. */
import { pieceBytes, requestDirectives } from '@pannier/http-semantics';
import type { EntryRequest } from './entry-answer.ts';
import type { EntryContext } from './entry-context.ts';
import type { Explanation, ManifestDescription } from './entry-service.ts';
import { CacheServerError } from '../errors.ts';
import { locateEntry } from './entry-variants.ts';
import { entryFreshness, entryUse, freshForMs } from '../freshness/entry-freshness.ts';
import { haveWanted, readParts } from '../partial/stored-parts.ts';
import type { PartsManifest } from '../partial/stored-parts.ts';
import { partitionCount } from './manifest.ts';
import type { Manifest } from './manifest.ts';
import { planRequest } from './request-plan.ts';
import type { LookupPlan } from './request-plan.ts';

/** See {@link Explanation}. */
export async function explainRequest(request: EntryRequest, context: EntryContext): Promise<Explanation> {
  const without = { key: '', manifest: undefined };
  try {
    const plan = planRequest(request, context);
    if (plan.kind === 'bypass')
      return {
        ...without,
        outcome: plan.outcome,
        reasons: [`The request goes past the cache: ${plan.outcome}.`],
      };
    return await explainLookup(plan, request, context);
  } catch (error) {
    if (!(error instanceof CacheServerError) || error.code !== 'forbidden-target') throw error;
    return { ...without, outcome: 'refused', reasons: [`The target is refused: ${error.message}.`] };
  }
}

async function explainLookup(
  plan: LookupPlan,
  request: EntryRequest,
  context: EntryContext,
): Promise<Explanation> {
  const { target, shared } = plan;
  const { headers } = request;
  const located = await locateEntry(plan, headers, context);
  const { key, varies } = located;
  const parts = located.manifest === undefined ? await readParts(key, context) : undefined;
  const isOfWanted = parts !== undefined && haveWanted(parts, request);
  const manifest = located.manifest ?? (isOfWanted ? parts : undefined);
  const now = context.clock.now();
  const { forceRevalidate, onlyIfCached } = requestDirectives(headers);
  const sent = shared.map(([name, value]) => `${name}: ${value}`).join('; ');
  const reasons = [
    `It belongs to upstream ${target.upstream.name}, as ${target.url}.`,
    `The headers that tell entries apart: ${sent === '' ? 'none' : sent}.`,
  ];
  if (varies.length > 0) reasons.push(`Its responses vary by ${varies.join(', ')}.`);
  const refusal = context.uncacheable.get(key.text);
  if (refusal !== undefined)
    reasons.push(`Its last response was for one caller alone${refusal === true ? '' : `: ${refusal}`}.`);
  if (context.flights.isUnderWay(key.text)) reasons.push('A fetch of it is in progress.');
  if (forceRevalidate) reasons.push('The request asks for revalidation.');
  const { ignoreNoCache } = plan;
  const state = manifest === undefined ? 'miss' : entryUse(manifest, headers, { now, ignoreNoCache });
  if (parts !== undefined) reasons.push(partsSentence(parts));
  reasons.push(manifest === undefined ? 'Nothing is stored that answers it.' : storedSentence(manifest, now));
  const needsUpstream = state === 'revalidate' || state === 'miss';
  const asks = {
    fresh: 'It is answered from the store.',
    'stale-allowed': 'It is answered from the store, for it takes a stale response.',
    'stale-while-revalidate': 'It is answered from the store while the upstream is asked behind its back.',
    revalidate: 'The upstream is asked whether the stored version is still good.',
    miss: 'The upstream is asked for it.',
  };
  reasons.push(
    onlyIfCached && needsUpstream ? 'It forbids asking the upstream, so the answer is 504.' : asks[state],
  );
  const outcomes = {
    fresh: 'hit',
    'stale-allowed': 'stale-allowed',
    'stale-while-revalidate': 'stale-while-revalidate',
    revalidate: 'revalidated',
    miss: 'miss',
  } as const;
  return {
    outcome: onlyIfCached && needsUpstream ? 'only-if-cached' : outcomes[state],
    key: key.text,
    reasons,
    manifest: manifest && description(manifest, now),
  };
}

/** See `EntryService.describeManifest`. */
export async function describeManifest(
  keyText: string,
  { manifests, clock }: EntryContext,
): Promise<ManifestDescription | undefined> {
  const manifest = await manifests.read(keyText);
  return manifest && description(manifest, clock.now());
}

function description(manifest: Manifest, now: number): ManifestDescription {
  return {
    manifest,
    partitions: partitionCount(manifest),
    ageMs: entryFreshness(manifest, now).ageS * 1000,
    freshForMs: freshForMs(manifest, now),
  };
}

function partsSentence({ body }: PartsManifest): string {
  const bytes = body.pieces.reduce((sum, piece) => sum + pieceBytes(piece), 0);
  return `Of the whole, parts are stored: ${bytes} of ${body.bodyBytes} bytes.`;
}

function storedSentence(manifest: Manifest, now: number): string {
  const { ageS, lifetimeS, fresh } = entryFreshness(manifest, now);
  const judged = fresh ? `fresh for ${lifetimeS - ageS} s more` : 'stale';
  return `Stored is version ${manifest.version}, status ${manifest.status}, ${ageS} s old, ${judged}.`;
}
