/**
 * A body whose way through the cache server broke is finished from the upstream: by Range and If-Range on a strong validator, so that
 * what is appended belongs to what was sent. Where that cannot be proved the body stays broken, visibly.
 */
import {
  appendVia,
  getHeader,
  hasHeader,
  isStrongEtag,
  mayBeForwarded,
  sharedRequestHeaders,
  varyNames,
} from '@pannier/http-semantics';
import type { HeaderList } from '@pannier/http-semantics';
import type { LookupResponse } from '@pannier/client/transport';
import type { DirectFetch } from './direct-fetch.ts';
import type { FallbackSlots } from './fallback-slots.ts';
import type { ProxiedRequest } from './proxied-request.ts';

/** What finishing a body needs. */
export interface ResumeParts {
  readonly direct: DirectFetch;
  readonly slots: FallbackSlots;
  readonly pseudonym: string;
  readonly onResumed: () => void;
}

/** The body of an answer, finished from the upstream when it breaks. Throws what broke it when that cannot be done. */
export async function* resumedBody(
  asked: ProxiedRequest,
  answer: LookupResponse,
  { parts, signal }: { parts: ResumeParts; signal: AbortSignal },
): AsyncGenerator<Uint8Array, void, undefined> {
  if (answer.body.kind === 'whole') {
    yield answer.body.bytes;
    return;
  }
  let sent = 0;
  try {
    for await (const chunk of answer.body.read(signal)) {
      sent += chunk.byteLength;
      yield chunk;
    }
  } catch (error) {
    signal.throwIfAborted();
    const giveBack = await parts.slots.take(asked.route, signal).catch(() => undefined);
    if (giveBack === undefined) throw error;
    try {
      const rest = await restOf(asked, answer, { sent, parts, signal });
      if (rest === undefined) throw error;
      parts.onResumed();
      yield* rest;
    } finally {
      giveBack();
    }
  }
}

async function restOf(
  asked: ProxiedRequest,
  answer: LookupResponse,
  { sent, parts, signal }: { sent: number; parts: ResumeParts; signal: AbortSignal },
): Promise<AsyncIterable<Uint8Array> | undefined> {
  const etag = getHeader(answer.headers, 'etag');
  if (answer.status !== 200 || etag === undefined || !isStrongEtag(etag)) return undefined;
  const { httpVersion, route } = asked;
  const selecting = selectingHeaders(asked, answer);
  if (selecting === undefined) return undefined;
  const asking = [
    ['host', route.authority],
    ...selecting,
    ['range', `bytes=${sent}-`],
    ['if-range', etag],
  ] as const;
  const rest = await parts.direct
    .get(route, appendVia(asking, parts.pseudonym, httpVersion), signal)
    .catch(() => undefined);
  if (rest === undefined) return undefined;
  const [, first, last, total] =
    /^bytes (\d+)-(\d+)\/(\d+)$/.exec(getHeader(rest.headers, 'content-range') ?? '') ?? [];
  const fits =
    rest.status === 206 &&
    getHeader(rest.headers, 'etag') === etag &&
    isSameCoding(rest.headers, answer.headers) &&
    Number(first) === sent &&
    Number(last) === Number(total) - 1 &&
    (answer.bodyBytes === undefined || answer.bodyBytes === Number(total));
  if (fits) return rest.body;
  rest.cancel();
  return undefined;
}

/**
 * What selects the same response once more: the headers of a shared fetch, and those by which the response says that it varies. Variants may
 * have one tag, as where it names a build. Undefined where one of them is not for sending.
 */
function selectingHeaders(
  { headers, route }: ProxiedRequest,
  answer: LookupResponse,
): HeaderList | undefined {
  const { sent } = sharedRequestHeaders(headers, route.forwardHeaders, route.policy);
  const varies = varyNames(answer.headers);
  if (varies === '*') return undefined;
  const missing = varies.filter((name) => hasHeader(headers, name) && !hasHeader(sent, name));
  if (!missing.every(mayBeForwarded)) return undefined;
  return [...sent, ...headers.filter(([name]) => missing.includes(name.toLowerCase()))];
}

/** A part need not name its coding where If-Range proves what it is a part of: https://www.rfc-editor.org/rfc/rfc9110#section-15.3.7 */
function isSameCoding(part: HeaderList, whole: HeaderList): boolean {
  const coding = getHeader(part, 'content-encoding');
  return coding === undefined || coding === getHeader(whole, 'content-encoding');
}
