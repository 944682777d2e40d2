/** Parts of a body for a request with Range: https://www.rfc-editor.org/rfc/rfc9110#section-14 */
import { randomBytes } from 'node:crypto';
import {
  contentRange,
  getHeader,
  parseRanges,
  rangeStillApplies,
  unsatisfiedRange,
  withoutHeaders,
} from '@pannier/http-semantics';
import type { HeaderList } from '@pannier/http-semantics';
import { firstBytes } from '../fetch/body-cut.ts';
import type { EntryBody, EntryRequest } from './entry-answer.ts';
import type { AnswerHead } from '../freshness/answer-head.ts';
import type { JudgedHead } from '../freshness/entry-freshness.ts';

/** Bytes of the body, or ones that stand between parts of it. */
type Segment =
  | { readonly kind: 'own'; readonly bytes: Buffer }
  | { readonly kind: 'slice'; readonly first: number; readonly last: number };

/** An answer's head and body. */
export interface RangedAnswer extends AnswerHead {
  readonly body: EntryBody;
}

const RANGED: ReadonlySet<string> = new Set(['content-length', 'content-range', 'content-type']);
const LENGTH: ReadonlySet<string> = new Set(['content-length', 'content-range']);

/** Whether the request asks for a part, and the response is one that has parts. */
function asksForRange({ method, headers }: EntryRequest, { status }: { status: number }): boolean {
  return method === 'GET' && status === 200 && getHeader(headers, 'range') !== undefined;
}

/**
 * The parts that a request asks for, of a body whose length is known.
 *
 * @param whole the head and body of the 200 that they are of
 * @returns undefined where the request gets the whole: another unit, garbage, too many parts, another version than If-Range names
 */
export function rangedAnswer(
  request: EntryRequest,
  stored: JudgedHead,
  whole: RangedAnswer,
): RangedAnswer | undefined {
  const { bodyBytes } = whole.body;
  if (!asksForRange(request, stored) || bodyBytes === undefined) return undefined;
  if (!rangeStillApplies(request, stored)) return undefined;
  const asked = parseRanges(getHeader(request.headers, 'range') ?? '', bodyBytes);
  if (asked.kind === 'none') return undefined;
  if (asked.kind === 'unsatisfiable') {
    whole.body.release();
    const headers = [
      ...withoutHeaders(whole.headers, RANGED),
      ['content-range', unsatisfiedRange(bodyBytes)],
      ['content-length', '0'],
    ] as const;
    return { status: 416, headers, body: segmentsOf(whole.body, []) };
  }
  const [first] = asked.ranges;
  if (asked.ranges.length === 1 && first !== undefined) {
    const headers = [
      ...withoutHeaders(whole.headers, LENGTH),
      ['content-range', contentRange(first.first, first.last, bodyBytes)],
      ['content-length', String(first.last - first.first + 1)],
    ] as const;
    return { status: 206, headers, body: segmentsOf(whole.body, [{ kind: 'slice', ...first }]) };
  }
  return multipart(whole, asked.ranges, bodyBytes);
}

/** https://www.rfc-editor.org/rfc/rfc9110#section-14.6 */
function multipart(
  whole: RangedAnswer,
  ranges: readonly { readonly first: number; readonly last: number }[],
  bodyBytes: number,
): RangedAnswer {
  const boundary = randomBytes(18).toString('base64url');
  const type = getHeader(whole.headers, 'content-type');
  const segments: Segment[] = ranges.flatMap(({ first, last }): Segment[] => {
    const lines = [
      '',
      `--${boundary}`,
      ...(type === undefined ? [] : [`Content-Type: ${type}`]),
      `Content-Range: ${contentRange(first, last, bodyBytes)}`,
      '',
      '',
    ];
    return [own(lines.join('\r\n')), { kind: 'slice', first, last }];
  });
  const body = segmentsOf(whole.body, [...segments, own(`\r\n--${boundary}--\r\n`)]);
  const headers: HeaderList = [
    ...withoutHeaders(whole.headers, RANGED),
    ['content-type', `multipart/byteranges; boundary=${boundary}`],
    ['content-length', String(body.bodyBytes)],
  ];
  return { status: 206, headers, body };
}

function own(text: string): Segment {
  return { kind: 'own', bytes: Buffer.from(text, 'latin1') };
}

function segmentBytes(segment: Segment): number {
  return segment.kind === 'own' ? segment.bytes.length : segment.last - segment.first + 1;
}

/** A body made of pieces. Its version names no stored content, so that nobody goes on with the whole where a part broke off. */
function segmentsOf(whole: EntryBody, segments: readonly Segment[]): EntryBody {
  const { inline } = whole;
  // Of this answer alone: two parts of one version are two bodies.
  const version = `${whole.version}#part-${randomBytes(9).toString('base64url')}`;
  const bodyBytes = segments.reduce((sum, segment) => sum + segmentBytes(segment), 0);
  const pieceOf = (segment: Segment): Uint8Array =>
    segment.kind === 'own' ? segment.bytes : (inline?.subarray(segment.first, segment.last + 1) ?? EMPTY);
  const isAtHand = inline !== undefined || segments.length === 0;
  return {
    version,
    stored: false,
    bodyBytes,
    inline: isAtHand ? Buffer.concat(segments.map(pieceOf)) : undefined,
    release: () => whole.release(),
    async *open(offset, signal) {
      let skip = offset;
      for (const segment of segments) {
        const length = segmentBytes(segment);
        if (skip >= length) skip -= length;
        else if (segment.kind === 'own') {
          yield { kind: 'raw', bytes: segment.bytes.subarray(skip) };
          skip = 0;
        } else {
          yield* firstBytes(whole.open(segment.first + skip, signal), length - skip);
          skip = 0;
        }
      }
    },
  };
}

const EMPTY = new Uint8Array(0);
