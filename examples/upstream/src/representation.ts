import type { Answer, HeaderPair } from './answer.ts';
import { emptyBody, type Body } from './body.ts';
import { readRange } from './byte-range.ts';
import { switchField, wordField } from './input-fields.ts';
import { evaluatePreconditions, ifRangeHolds, type Validators } from './preconditions.ts';
import type { ResourceRequest } from './resource.ts';

/** A resource as selected for one request: what it is, and how to get its bytes when they turn out to be needed. */
export interface Representation extends Required<Validators> {
  type: string;
  /** Codings and the like, after the fields that every representation has. */
  headers?: HeaderPair[];
  body(): Body | Promise<Body>;
}

/** Which validators go out: a test may want a resource that has only one, a weak one or none. */
type ValidatorChoice = 'both' | 'etag' | 'weak' | 'date' | 'none';
const validatorChoices: readonly ValidatorChoice[] = ['both', 'etag', 'weak', 'date', 'none'];

function chosenValidators({ etag, lastModifiedMs }: Representation, choice: ValidatorChoice): Validators {
  return {
    ...(choice === 'both' || choice === 'etag' ? { etag } : {}),
    ...(choice === 'weak' ? { etag: `W/${etag}` } : {}),
    ...(choice === 'both' || choice === 'date' ? { lastModifiedMs } : {}),
  };
}

function validatorHeaders({ etag, lastModifiedMs }: Validators): HeaderPair[] {
  const headers: HeaderPair[] = [];
  if (etag !== undefined) headers.push(['ETag', etag]);
  if (lastModifiedMs !== undefined) headers.push(['Last-Modified', new Date(lastModifiedMs).toUTCString()]);
  return headers;
}

/**
 * Turns a representation into 200, 206, 304, 412 or 416, as the request's conditions and range ask.
 * Query: `validators` (which validators the resource shows), `chunked=1` (no Content-Length).
 */
export async function representationAnswer(
  request: ResourceRequest,
  representation: Representation,
): Promise<Answer> {
  const { headers: fields, query } = request;
  const choice = wordField('validators', query.get('validators') ?? 'both', validatorChoices);
  const chunked = switchField('chunked', query.get('chunked') ?? false);
  const validators = chosenValidators(representation, choice);
  // RFC 9110 §15.4.5: what a 304 must repeat of the 200.
  const kept: HeaderPair[] = [
    ['Cache-Control', `public, max-age=${request.maxAgeS}`],
    ...validatorHeaders(validators),
    ...(representation.headers ?? []).filter(([name]) => name === 'Vary'),
  ];

  const verdict = evaluatePreconditions(fields, validators);
  if (verdict !== 'proceed') return { status: verdict, headers: kept, body: emptyBody };

  const described: HeaderPair[] = [
    ['Content-Type', representation.type],
    ...kept,
    ...(representation.headers ?? []).filter(([name]) => name !== 'Vary'),
    ['Accept-Ranges', 'bytes'],
  ];
  const body = await representation.body();
  // RFC 9110 §14.2: Range means something for GET alone.
  const honoured = request.method === 'GET' && ifRangeHolds(fields, validators, request.nowMs);
  const slice = honoured ? readRange(fields.range, body.byteLength) : undefined;
  if (slice === undefined) return { status: 200, headers: described, body, chunked };
  if (slice === 'unsatisfiable') {
    return {
      status: 416,
      headers: [...kept, ['Content-Range', `bytes */${body.byteLength}`]],
      body: emptyBody,
    };
  }
  const contentRange = `bytes ${slice.from}-${slice.to - 1}/${body.byteLength}`;
  return { status: 206, headers: [...described, ['Content-Range', contentRange]], body, slice, chunked };
}
