/**
 * The whole of a response of which parts are stored: they are put together with what is missing, for which alone the upstream is asked.
 * https://www.rfc-editor.org/rfc/rfc9111#section-3.4
 */
import {
  conditionalHeaders,
  contentPart,
  freshen,
  getHeader,
  haveSameBytes,
  headOfWhole,
  missingRange,
  strongValidator,
} from '@pannier/http-semantics';
import type { ByteRange, HeaderList } from '@pannier/http-semantics';
import type { Generation } from '@pannier/proto/generation';
import { firstBytes } from '../fetch/body-cut.ts';
import type { BodyPart } from '../entry/entry-answer.ts';
import type { EntryContext } from '../entry/entry-context.ts';
import { partsKey } from '../entry/entry-key.ts';
import type { EntryKey } from '../entry/entry-key.ts';
import type { ResponseArriving } from '../fetch/flight-head.ts';
import { isFresh } from '../freshness/entry-freshness.ts';
import type { JudgedHead } from '../freshness/entry-freshness.ts';
import { extendBody, FRAMES_TTL_FACTOR } from '../fetch/publish-entry.ts';
import type { UpstreamResponse } from '../upstream/upstream-response.ts';
import { partBytes } from '../entry/whole-body.ts';
import { readPieces } from './pieced-body.ts';
import { readParts } from './stored-parts.ts';
import type { PartsManifest } from './stored-parts.ts';

/** A response, and what was known of invalidations before it was asked for. */
interface Arrival {
  readonly response: UpstreamResponse;
  readonly head: JudgedHead;
  readonly generation: Generation;
}

/** A whole response: put together, or what the upstream sent instead of what is missing. */
export interface Completed {
  readonly arrival: Arrival;
  readonly how: Pick<ResponseArriving, 'outcome' | 'fwd' | 'fwdStatus'>;
  readonly parts: StoredParts;
}

/** Parts, and the key of the response that they are of. */
interface StoredParts {
  readonly key: EntryKey;
  readonly manifest: PartsManifest;
}

/** What completing needs. */
interface CompletionDeps {
  readonly ask: (fields: HeaderList, kind: 'conditional' | 'part' | 'full') => Promise<Arrival>;
  readonly context: EntryContext;
}

/** @returns undefined when nothing is stored; nothing has been asked then */
export async function completeEntry(
  { entryKey, need }: { readonly entryKey: EntryKey; readonly need: 'any' | 'confirmed' | 'whole' },
  { ask, context }: CompletionDeps,
): Promise<Completed | undefined> {
  // What is invalidated from here on must not come back by an answer to a condition that is made of these parts.
  const known = await context.generations.capture();
  const manifest = await readParts(entryKey, context);
  if (manifest === undefined) return undefined;
  const { body, generation } = manifest;
  const missing = missingRange(body.pieces, body.bodyBytes);
  const parts = { key: entryKey, manifest };
  if (missing?.first === 0 && missing.last === body.bodyBytes - 1)
    return { arrival: await ask([], 'full'), how: { outcome: 'miss', fwd: 'partial' }, parts };
  if (!(await extendBody(manifest, FRAMES_TTL_FACTOR * context.limits.fetchDeadlineMs, context))) {
    await context.manifests.removeVersion(partsKey(entryKey).text, manifest.version);
    return undefined;
  }
  if (missing !== undefined) return await askForRest(parts, { missing, known }, { ask, context });
  if (need === 'any' && isFresh(manifest, context.clock.now())) {
    const arrival = { ...joined(manifest, undefined, context), generation };
    return { arrival, how: { outcome: 'hit' }, parts };
  }
  const arrival = await ask(conditionalHeaders(manifest.headers), 'conditional');
  const head = arrival.head.status === 304 ? freshen(manifest, arrival.head) : undefined;
  if (head === undefined) return { arrival, how: { outcome: 'refreshed' }, parts };
  context.counters.upstreamRequest('not-modified', entryKey.scope);
  const confirmed = { ...manifest, ...head, policy: arrival.head.policy };
  return {
    arrival: { ...joined(confirmed, undefined, context), generation: known },
    how: { outcome: 'revalidated', fwd: 'stale', fwdStatus: 304 },
    parts,
  };
}

/** https://www.rfc-editor.org/rfc/rfc9110#section-13.1.5: the rest of these bytes, or else the whole of others. */
async function askForRest(
  parts: StoredParts,
  { missing, known }: { missing: ByteRange; known: Generation },
  { ask, context }: CompletionDeps,
): Promise<Completed> {
  const { headers, body } = parts.manifest;
  const validator = strongValidator(headers) ?? '';
  const last = missing.last === body.bodyBytes - 1 ? '' : missing.last;
  const arrival = await ask(
    [
      ['range', `bytes=${missing.first}-${last}`],
      ['if-range', validator],
    ],
    'part',
  );
  const { status } = arrival.head;
  const how = { outcome: 'miss', fwd: 'partial', fwdStatus: status } as const;
  if (status !== 206 && status !== 416) return { arrival, how, parts };
  const head = isRest(arrival, parts.manifest, missing)
    ? freshen(parts.manifest, headOfWhole(arrival.head))
    : undefined;
  if (head === undefined) {
    // Another part than was asked for, or of other bytes in spite of If-Range: it completes nothing.
    await arrival.response.body[Symbol.asyncIterator]().return?.();
    await context.manifests.removeVersion(partsKey(parts.key).text, parts.manifest.version);
    return { arrival: await ask([], 'full'), how: { outcome: 'miss' }, parts };
  }
  const whole = { ...parts.manifest, ...head, policy: arrival.head.policy };
  const rest = { ...missing, body: arrival.response.body };
  return { arrival: { ...joined(whole, rest, context), generation: known }, how, parts };
}

/** A 206 that answers If-Range need not repeat a date, but must not name other bytes: https://www.rfc-editor.org/rfc/rfc9110#section-15.3.7-6 */
function isRest({ head, response }: Arrival, { headers, body }: PartsManifest, missing: ByteRange): boolean {
  const part = contentPart(head, response.bodyBytes);
  const isWanted =
    part?.first === missing.first && part.last === missing.last && part.completeBytes === body.bodyBytes;
  const repeats = (name: string): boolean => getHeader(head.headers, name) === getHeader(headers, name);
  const isDated = getHeader(head.headers, 'last-modified') === undefined || repeats('last-modified');
  return isWanted && repeats('etag') && (getHeader(headers, 'etag') !== undefined || isDated);
}

/** The response that the upstream would have sent, had it been asked for all of it. */
function joined(
  { status, headers, requestTimeMs, responseTimeMs, policy, ...manifest }: PartsManifest,
  rest: (ByteRange & { body: AsyncIterable<Buffer> }) | undefined,
  context: EntryContext,
): Omit<Arrival, 'generation'> {
  const { bodyBytes } = manifest.body;
  const head = { status, headers, requestTimeMs, responseTimeMs, policy };
  const body = joinedBody(manifest, rest, context);
  const over = Promise.resolve();
  return { head, response: { status, headers, framing: 'length', bodyBytes, body, over } };
}

async function* joinedBody(
  { body, scope }: Pick<PartsManifest, 'body' | 'scope'>,
  rest: (ByteRange & { body: AsyncIterable<Buffer> }) | undefined,
  { frames }: EntryContext,
): AsyncGenerator<Buffer, void, undefined> {
  const { signal } = new AbortController();
  const stored = (offset: number): AsyncGenerator<BodyPart, void, undefined> =>
    readPieces(body, { scope, frames }, { offset, signal });
  if (rest === undefined) return yield* bytesOf(stored(0));
  if (rest.first > 0) yield* bytesOf(firstBytes(stored(0), rest.first));
  yield* rest.body;
  yield* bytesOf(stored(rest.last + 1));
}

async function* bytesOf(parts: AsyncIterable<BodyPart>): AsyncGenerator<Buffer, void, undefined> {
  for await (const part of parts) yield await partBytes(part);
}

/** What was put together is stored as a whole now, or what came instead shows that the parts are of something older. */
export async function forgetParts(
  { key, manifest }: StoredParts,
  { head, version, context }: { head: JudgedHead; version: string; context: EntryContext },
): Promise<void> {
  const whole = await context.manifests.read(key.text);
  const isOlder = head.status === 200 && !haveSameBytes(head.headers, manifest.headers);
  if (isOlder || whole?.version === version)
    await context.manifests.removeVersion(partsKey(key).text, manifest.version);
}
