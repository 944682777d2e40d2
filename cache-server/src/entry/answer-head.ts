/**
 * A HEAD that what is stored does not answer: asked of the upstream as it is, for it never starts a GET. What comes back may say that
 * the stored response is still good, or that it is out of date. https://www.rfc-editor.org/rfc/rfc9111#section-4.3.5
 */
import { freshenByHead, variantValues } from '@pannier/http-semantics';
import { answerInstead, isUpstreamFailure } from './answer-from-flight.ts';
import type { EntryAnswer } from './entry-answer.ts';
import { asksWho } from './entry-answers.ts';
import type { Asked } from './entry-answers.ts';
import { inlineBody } from './entry-bodies.ts';
import type { EntryContext } from './entry-context.ts';
import { newlyVaries, nominatedHeaders } from './entry-variants.ts';
import { askUpstream } from '../fetch/ask-upstream.ts';
import { answerHead } from '../freshness/answer-head.ts';
import { isFresh } from '../freshness/entry-freshness.ts';
import type { Manifest } from './manifest.ts';
import { publishConfirmed } from '../fetch/publish-entry.ts';
import { bypass } from './request-plan.ts';

const NO_BYTES = new Uint8Array(0);

/** @throws CacheServerError `upstream-…` */
export async function answerHeadRequest(
  asked: Asked,
  found: { manifest: Manifest; varies: readonly string[]; context: EntryContext },
  signal: AbortSignal,
): Promise<EntryAnswer> {
  const { request, plan, key } = asked;
  const { manifest, varies, context } = found;
  const sent = [...plan.sent, ...nominatedHeaders(varies, request.headers, plan.sent)];
  const asking = { method: 'HEAD', target: plan.target, headers: sent, signal } as const;
  const generation = await context.generations.capture();
  let arrival: Awaited<ReturnType<typeof askUpstream>>;
  try {
    arrival = await askUpstream(asking, context);
  } catch (error) {
    const stale = isUpstreamFailure(error) ? await answerInstead(asked, context) : undefined;
    if (stale === undefined) throw error;
    return stale;
  }
  const { response, head } = arrival;
  for await (const _none of response.body);
  // It depends on what did not go along: the caller shall ask for itself.
  const names = newlyVaries(head.headers, { told: plan.shared, varies }) ?? [];
  const isForOthers = variantValues(names, sent) !== variantValues(names, request.headers);
  if (isForOthers || asksWho(head, request, plan)) return bypass('bypass-uncacheable');
  const freshened = freshenByHead(manifest, head);
  // A stale one will be revalidated anyway, and may be needed while the upstream fails.
  const isWrong = freshened === 'outdated' && isFresh(manifest, context.clock.now());
  if (isWrong) await context.manifests.removeVersion(key.text, manifest.version);
  else if (typeof freshened === 'object')
    await publishConfirmed(
      { key, stored: manifest, sent, generation, head: { ...freshened, policy: head.policy } },
      context,
    );
  const outcome = typeof freshened === 'object' ? 'revalidated' : 'refreshed';
  const facts = { now: context.clock.now(), outcome, bodyBytes: undefined } as const;
  const answer = answerHead(head, { ...facts, status: { fwdStatus: head.status } });
  const length = head.headers.filter(([name]) => name.toLowerCase() === 'content-length');
  const headers = [...answer.headers, ...length];
  const body = inlineBody(NO_BYTES);
  return { kind: 'response', status: head.status, headers, outcome, key: undefined, freshForMs: 0, body };
}
