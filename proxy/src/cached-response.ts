/** Answers of the near cache and of the cache server, as HTTP responses with the upstream's bytes. */
import {
  getHeader,
  hasHeader,
  notModifiedFor,
  responseDirectives,
  withoutHeaders,
} from '@pannier/http-semantics';
import type { CacheStatusParams, HeaderList } from '@pannier/http-semantics';
import type { LookupResponse, NearCache, NearEntry } from '@pannier/client/transport';
import { breakOff } from './client-exchange.ts';
import type { ClientExchange } from './client-exchange.ts';
import type { ProxiedRequest } from './proxied-request.ts';
import { LastMade } from './last-made.ts';
import { clientHead, flatHead, sharedHead } from './response-head.ts';
import { resumedBody } from './resumed-body.ts';
import type { ResumeParts } from './resumed-body.ts';
import { variesOnlyBy } from './same-response.ts';
import { writeBody } from './written-body.ts';

const AGE_AND_STATUS: ReadonlySet<string> = new Set(['age', 'cache-status']);

/** Sends an entry of the near cache: its age has grown, and a client that has it already gets a 304. */
export function sendNear(
  { response }: ClientExchange,
  asked: ProxiedRequest,
  options: { entry: NearEntry; now: number; pseudonym: string; detail?: string },
): void {
  const { entry, now, pseudonym, detail } = options;
  const ageS = Number(getHeader(entry.headers, 'age') ?? 0) + Math.floor((now - entry.storedAtMs) / 1000);
  const headers = agedHeads.of(entry.headers, ageS, () => agedHead(entry.headers, ageS));
  const ttlS = Math.floor((entry.expiresAtMs - now) / 1000);
  const params: CacheStatusParams = { hit: true, ttlS, ...(detail === undefined ? {} : { detail }) };
  const stored = {
    status: entry.status,
    headers,
    requestTimeMs: entry.storedAtMs,
    responseTimeMs: entry.storedAtMs,
  };
  const unchanged = notModifiedFor(asked, stored, now);
  if (unchanged === undefined) {
    response.writeHead(entry.status, [...sharedHead(headers, pseudonym, params)]).end(entry.body);
  } else {
    response.writeHead(304, flatHead(clientHead(unchanged, pseudonym, params))).end();
  }
}

const agedHeads = new LastMade<HeaderList, number, HeaderList>();

function agedHead(headers: HeaderList, ageS: number): HeaderList {
  return [...withoutHeaders(headers, AGE_AND_STATUS), ['age', String(ageS)]];
}

/** Whether a response may be used after its time while it cannot be revalidated: https://www.rfc-editor.org/rfc/rfc9111#section-4.2.4 */
export function mayServeStale(headers: HeaderList): boolean {
  const { mustRevalidate, proxyRevalidate, sMaxAgeS, noCache } = responseDirectives(headers);
  return !mustRevalidate && !proxyRevalidate && sMaxAgeS === undefined && !noCache;
}

/** Where the near cache would keep an answer, and the request headers that this place stands for. */
export interface NearPlace {
  readonly nearKey: string;
  readonly keyedNames: readonly string[];
  /** How many removals the near cache had seen when the request came. */
  readonly removals: number;
}

/** Whether an answer may be kept at all: it is whole, and the same for every request with that near-cache key. */
function isKept(
  { method, headers }: ProxiedRequest,
  answer: LookupResponse,
  { keyedNames }: Pick<NearPlace, 'keyedNames'>,
): boolean {
  if (method !== 'GET' || answer.status !== 200 || hasHeader(headers, 'range')) return false;
  return variesOnlyBy(answer.headers, keyedNames);
}

/** What sending a server's answer needs. */
export interface SendParts extends ResumeParts {
  readonly near: NearCache;
  readonly nearEntryBytesMax: number;
  readonly now: () => number;
}

/**
 * Sends the cache server's answer and keeps a small one for the near cache. Rejects when the body broke and could not be finished;
 * the client's connection has been broken off then.
 */
export async function sendLookup(
  exchange: ClientExchange,
  asked: ProxiedRequest,
  {
    answer,
    near,
    params,
    parts,
  }: { answer: LookupResponse; near: NearPlace; params: CacheStatusParams; parts: SendParts },
): Promise<void> {
  const { response, left } = exchange;
  const { status, headers } = answer;
  // The upstream has had its say: what is kept here is older, and what a 304 or a HEAD said of it passed by.
  if (answer.outcome !== 'hit') parts.near.delete(near.nearKey);
  const now = parts.now();
  const unchanged = notModifiedFor(asked, { status, headers, requestTimeMs: now, responseTimeMs: now }, now);
  if (unchanged !== undefined) {
    if (answer.body.kind === 'stream') answer.body.cancel();
    response.writeHead(304, flatHead(clientHead(unchanged, parts.pseudonym, params))).end();
    return;
  }
  response.writeHead(answer.status, [...sharedHead(answer.headers, parts.pseudonym, params)]);
  const keeps =
    isKept(asked, answer, near) &&
    answer.freshForMs > 0 &&
    answer.bodyBytes !== undefined &&
    answer.bodyBytes <= parts.nearEntryBytesMax;
  const kept: Uint8Array[] = [];
  try {
    const body = resumedBody(asked, answer, { parts, signal: left });
    const onChunk = keeps ? (chunk: Uint8Array): void => void kept.push(chunk) : undefined;
    await writeBody(response, body, { bodyBytes: answer.bodyBytes, left, onChunk });
    // The client may have written meanwhile, and shall read what it wrote: this answer is from before.
    if (!keeps || !parts.near.isCurrent(near.nearKey, near.removals)) return;
    // Of all who share an answer one keeps it.
    if (params.collapsed === true && parts.near.getStale(near.nearKey, 0) !== undefined) return;
    parts.near.set(near.nearKey, {
      status: 200,
      headers: answer.headers,
      body: Buffer.concat(kept),
      storedAtMs: now,
      expiresAtMs: now + answer.freshForMs,
      source: answer.outcome === 'direct' ? 'direct' : answer,
    });
  } catch (error) {
    breakOff(response);
    throw error;
  }
}
