/** An entry service before an upstream that sends parts, and remembers by what it was asked. */
import { createHash } from 'node:crypto';
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import type { EntryResponse } from '../entry/entry-answer.ts';
import { header, readBody, startEntries } from '../get-entry.fixture.ts';
import type { TestEntries } from '../get-entry.fixture.ts';

/** What it serves; a test changes it. */
export interface RangedContent {
  body: Buffer;
  headers: Record<string, string>;
  /** Whether it knows Range. */
  ranges: boolean;
  /** Each request as `Range`, or `whole`, and its conditions. */
  readonly asked: string[];
}

/** So many bytes, no two beginnings of which look alike. */
export function bytesOf(length: number, seed = 0): Buffer {
  return Buffer.from(Array.from({ length }, (_, at) => (at * 7 + (at >> 8) * 13 + seed) % 251));
}

/** @param bodyBytes length of the content */
export function rangedContent(bodyBytes: number, change: Partial<RangedContent> = {}): RangedContent {
  return {
    body: bytesOf(bodyBytes),
    headers: { 'cache-control': 'max-age=60' },
    ranges: true,
    asked: [],
    ...change,
  };
}

/** Its strong tag. */
export function tagOf(body: Buffer): string {
  return `"${createHash('sha256').update(body).digest('hex').slice(0, 8)}"`;
}

/** Answers as the RFCs say, with a strong tag of the content. */
export function answering(content: RangedContent): RequestListener {
  return (request, response) => {
    const { body } = content;
    const etag = tagOf(body);
    const headers = { etag, ...content.headers };
    const { range, 'if-none-match': noneMatch, 'if-range': ifRange } = request.headers;
    content.asked.push(
      [range ?? 'whole', ...(noneMatch ? ['if-none-match'] : []), ...(ifRange ? ['if-range'] : [])].join(' '),
    );
    if (noneMatch === headers.etag) return void response.writeHead(304, headers).end();
    const isWhole = range === undefined || !content.ranges || (ifRange ?? headers.etag) !== headers.etag;
    if (isWhole) return void response.writeHead(200, { ...headers, 'content-length': body.length }).end(body);
    sendPart(request, response, { body, headers });
  };
}

function sendPart(
  { headers: { range = '' } }: IncomingMessage,
  response: ServerResponse,
  { body, headers }: { body: Buffer; headers: Record<string, string> },
): void {
  const [, first = '', last = ''] = /^bytes=(\d*)-(\d*)$/.exec(range) ?? [];
  const from = first === '' ? Math.max(0, body.length - Number(last)) : Number(first);
  const to = first === '' || last === '' ? body.length - 1 : Math.min(Number(last), body.length - 1);
  if (from > to) {
    response.writeHead(416, { ...headers, 'content-range': `bytes */${body.length}` }).end();
    return;
  }
  const part = body.subarray(from, to + 1);
  const described = { 'content-range': `bytes ${from}-${to}/${body.length}`, 'content-length': part.length };
  response.writeHead(206, { ...headers, ...described }).end(part);
}

/** Small enough that a part, too, takes several of them. */
const PARTITION_BYTES = 1024;

export interface RangedEntries extends TestEntries {
  readonly content: RangedContent;
  part(range: string, more?: readonly (readonly [string, string])[]): Promise<EntryResponse>;
}

/** @param fill `rangeFillBytesMax`; by default the whole is never fetched behind a part */
export async function startRanged(
  content: RangedContent,
  fill = 0,
  upstream: object = {},
): Promise<RangedEntries> {
  const entries = await startEntries({
    answer: answering(content),
    upstream: { rangeFillBytesMax: fill, ...upstream },
    limits: { partitionBytes: PARTITION_BYTES, inlineBytesMax: 1500 },
  });
  return {
    ...entries,
    content,
    part: async (range, more = []) => await entries.get('/a', [['Range', `bytes=${range}`], ...more]),
  };
}

/** Outcome, status, Content-Range, and whether the bytes are those. */
export async function told(answer: EntryResponse, expected: Buffer): Promise<string> {
  const body = await readBody(answer.body);
  const isRight = body.equals(expected) && header(answer, 'content-length') === String(expected.length);
  const range = header(answer, 'content-range') ?? 'whole';
  return `${answer.outcome} ${answer.status} ${range}${isRight ? '' : ' WRONG BYTES'}`;
}

/** Length of what most tests ask for parts of. */
export const LENGTH = 10_000;
