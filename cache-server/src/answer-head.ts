/**
 * A HEAD that what is stored does not answer: asked of the upstream as it is, for it never starts a GET. What comes back may say that
 * the stored response is still good, or that it is out of date. https://www.rfc-editor.org/rfc/rfc9111#section-4.3.5
 */
import { freshenByHead } from '@pannier/http-semantics';
import type { EntryResponse } from './entry-answer.ts';
import type { Asked } from './entry-answers.ts';
import { inlineBody } from './entry-bodies.ts';
import type { EntryContext } from './entry-context.ts';
import { askUpstream } from './fetch-entry.ts';
import { answerHead } from './freshness/answer-head.ts';
import type { Manifest } from './manifest.ts';
import { publishConfirmed } from './publish-entry.ts';

const NO_BYTES = new Uint8Array(0);

/** @throws CacheServerError `upstream-…` */
export async function answerHeadRequest(
  { plan, key }: Asked,
  { manifest, context }: { manifest: Manifest; context: EntryContext },
  signal: AbortSignal,
): Promise<EntryResponse> {
  const asking = { method: 'HEAD', target: plan.target, headers: plan.sent, signal } as const;
  const { response, head } = await askUpstream(asking, context);
  for await (const _none of response.body);
  const freshened = freshenByHead(manifest, head);
  const { sent } = plan;
  if (freshened === 'outdated') await context.manifests.removeLost(key.text, manifest.version);
  else if (freshened !== 'unrelated')
    await publishConfirmed(
      { key, stored: manifest, sent, head: { ...freshened, policy: head.policy } },
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
