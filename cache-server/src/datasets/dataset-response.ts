/** One response that a dataset asks for, and its body; what goes wrong with it is told with dataset, upstream, endpoint and place. */
import { setTimeout as sleep } from 'node:timers/promises';
import { getHeader } from '@pannier/http-semantics';
import type { HeaderList } from '@pannier/http-semantics';
import type { DatasetsDeps } from './dataset-service.ts';
import type { DeclaredDataset } from './declared-dataset.ts';
import type { BodyPart, EntryResponse } from '../entry/entry-answer.ts';
import { CacheServerError } from '../errors.ts';

const CALLER = { identity: 'pannier-datasets' };
/** A response that was on its way before is there, or too old to be joined, after so many looks. */
const LOOKS_MAX = 100;
const LOOK_EVERY_MS = 25;

/** What the parts of a dataset's source are fetched with. */
export type SourceDeps = Pick<DatasetsDeps, 'entries' | 'limits'>;

/** What is asked for. */
export interface ResponseQuery {
  readonly deps: SourceDeps;
  readonly signal: AbortSignal;
  /** Of several documents, which one it is: begins what is told of it, such as `page 3: `; default ''. */
  readonly place?: string;
  /** Whether the upstream is asked although a fresh response is stored; default false. */
  readonly confirmed?: boolean;
}

/** A response of status 200. @throws CacheServerError naming upstream, endpoint and, of several, the place */
export async function fetchResponse(
  url: string,
  declared: DeclaredDataset,
  query: ResponseQuery,
): Promise<EntryResponse> {
  const { place = '', confirmed = false } = query;
  let answer: EntryResponse;
  try {
    answer = confirmed ? await confirmedAnswer(url, query) : await answerTo(url, [], query);
  } catch (error) {
    throw error instanceof Uncacheable
      ? declared.unfit(place + error.message)
      : placed(error, declared, place);
  }
  if (answer.status === 200) return answer;
  answer.body.release();
  const { pathname, search } = new URL(url);
  throw declared.unfit(`${place}the upstream answered ${answer.status} for ${pathname}${search}`);
}

class Uncacheable extends Error {}

async function answerTo(url: string, headers: HeaderList, query: ResponseQuery): Promise<EntryResponse> {
  const { deps, signal } = query;
  const answer = await deps.entries.getEntry(
    { method: 'GET', url, headers, isConfirming: headers.length > 0, isPatient: true },
    CALLER,
    signal,
  );
  if (answer.kind === 'response') return answer;
  throw new Uncacheable(`its response may not be cached (${answer.outcome})`);
}

/**
 * A response that was asked for after the call. One that is arriving for somebody else was asked for before: the data may have changed since,
 * and a probe may have told so. It is left alone until it is there, or old enough for a request of its own.
 */
async function confirmedAnswer(url: string, query: ResponseQuery): Promise<EntryResponse> {
  let earlier: string | undefined;
  for (let looks = 0; ; looks += 1) {
    const answer = await answerTo(url, [['cache-control', 'no-cache']], query);
    const isJoined = answer.outcome === 'hit' || answer.outcome === 'collapsed';
    earlier ??= answer.body.version;
    // Another flight than the one that was under way then began later.
    if (!isJoined || answer.body.version !== earlier || looks >= LOOKS_MAX) return answer;
    answer.body.release();
    await sleep(LOOK_EVERY_MS, undefined, { signal: query.signal });
  }
}

/** Content-Encoding of a response; '' for none. */
export function contentEncoding({ headers }: EntryResponse): string {
  return getHeader(headers, 'content-encoding')?.toLowerCase() ?? '';
}

/** A body step by step, whether it is at hand, stored or arriving. */
export async function* bodyParts({ body }: EntryResponse, signal: AbortSignal): AsyncGenerator<BodyPart> {
  if (body.inline === undefined) yield* body.open(0, signal);
  else yield { kind: 'raw', bytes: body.inline };
}

/** A failure of the upstream, or in what it sent, with the name of what was being fetched; any other as it is. */
export function placed(error: unknown, declared: DeclaredDataset, place: string): unknown {
  if (!(error instanceof Error)) return error;
  if (error.name === 'DatasetError') return declared.unfit(`${place}${error.message}`, error);
  if (!(error instanceof CacheServerError)) return error;
  const { code, proxyError, retryAfterMs } = error;
  if (!code.startsWith('upstream-') && code !== 'limit-exceeded') return error;
  const { message } = declared.unfit(`${place}${error.message}`);
  return new CacheServerError(code, message, { cause: error, proxyError, retryAfterMs });
}
