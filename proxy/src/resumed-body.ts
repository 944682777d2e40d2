/**
 * A body whose way through the cache server broke is finished from the upstream: by Range and If-Range on a strong validator, so that
 * what is appended belongs to what was sent. Where that cannot be proved the body stays broken, visibly.
 */
import { appendVia, getHeader, isStrongEtag, sharedRequestHeaders } from '@pannier/http-semantics';
import type { LookupResponse } from '@pannier/client/transport';
import type { DirectFetch } from './direct-fetch.ts';
import type { ProxiedRequest } from './proxied-request.ts';

/** What finishing a body needs. */
export interface ResumeParts {
  readonly direct: DirectFetch;
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
    const rest = await restOf(asked, answer, { sent, parts, signal });
    if (rest === undefined) throw error;
    parts.onResumed();
    yield* rest;
  }
}

async function restOf(
  { headers, httpVersion, route }: ProxiedRequest,
  answer: LookupResponse,
  { sent, parts, signal }: { sent: number; parts: ResumeParts; signal: AbortSignal },
): Promise<AsyncIterable<Uint8Array> | undefined> {
  const etag = getHeader(answer.headers, 'etag');
  if (answer.status !== 200 || etag === undefined || !isStrongEtag(etag)) return undefined;
  const { sent: selected } = sharedRequestHeaders(headers, route.forwardHeaders, route.policy);
  const asking = [
    ['host', route.authority],
    ...selected,
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
    Number(first) === sent &&
    Number(last) === Number(total) - 1 &&
    (answer.bodyBytes === undefined || answer.bodyBytes === Number(total));
  if (fits) return rest.body;
  rest.cancel();
  return undefined;
}
