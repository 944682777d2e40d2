/** Bodies in chunks that a lenient reader ends somewhere else. https://www.rfc-editor.org/rfc/rfc9112#section-7.1 */
import { accepted, CHUNKED, post, refused } from './payload.ts';
import type { FramingPayload } from './payload.ts';

const LAST = '0\r\n\r\n';

const SIZES: readonly FramingPayload[] = [
  ...[
    '0x5',
    '+5',
    '-5',
    '5_0',
    '5h',
    'g',
    '',
    ' 5',
    '\t5',
    '5 ',
    '5\t',
    '5\u000b',
    '\u00a05',
    '5.0',
    '5,',
    '-0',
    '0x0',
    '10000000000000005',
    'fffffffffffffffff5',
  ].map((size) =>
    refused(`a chunk of size ${JSON.stringify(size)}`, `${CHUNKED}${size}\r\nhello\r\n${LAST}{canary}`),
  ),
  accepted('body', 'a size with leading zeros', `${CHUNKED}000{hex:0}\r\n{canary}\r\n00\r\n\r\n`),
];

const EXTENSIONS: readonly FramingPayload[] = [
  refused(
    'an extension of 20,000 bytes',
    `${CHUNKED}5;a=${'b'.repeat(20_000)}\r\nhello\r\n${LAST}{canary}`,
    400,
    413,
  ),
  refused('5,000 extensions', `${CHUNKED}5${';abc=d'.repeat(5000)}\r\nhello\r\n${LAST}{canary}`, 400, 413),
  refused('an extension with a bare LF', `${CHUNKED}5;a\nhello\r\n${LAST}{canary}`),
  refused('an extension with a bare CR', `${CHUNKED}5;a\rb\r\nhello\r\n${LAST}{canary}`),
  refused('an extension with a NUL', `${CHUNKED}5;a\u0000\r\nhello\r\n${LAST}{canary}`),
  refused('a quoted extension with a line end', `${CHUNKED}5;a="\r\nb"\r\nhello\r\n${LAST}{canary}`),
  refused('a quoted extension with a bare LF', `${CHUNKED}5;a="\nb"\r\nhello\r\n${LAST}{canary}`),
  refused('an extension of the last chunk with a bare LF', `${CHUNKED}5\r\nhello\r\n0;a\n\r\n{canary}`),
  refused('an extension without a size', `${CHUNKED};a=b\r\nhello\r\n${LAST}{canary}`),
  refused('an extension that ends in CR CR LF', `${CHUNKED}5;a\r\r\nhello\r\n${LAST}{canary}`),
  accepted('body', 'an extension that hides a size', `${CHUNKED}{hex:0};a=0\r\n{canary}\r\n0;b="c"\r\n\r\n`),
];

const ENDS: readonly FramingPayload[] = [
  refused('a size that ends in a bare LF', `${CHUNKED}5\nhello\r\n${LAST}{canary}`),
  refused('a size that ends in a bare CR', `${CHUNKED}5\rhello\r\n${LAST}{canary}`),
  refused('a chunk that ends in a bare LF', `${CHUNKED}5\r\nhello\n${LAST}{canary}`),
  refused('a chunk that ends in a bare CR', `${CHUNKED}5\r\nhello\r${LAST}{canary}`),
  refused('a chunk that does not end', `${CHUNKED}5\r\nhello${LAST}{canary}`),
  refused('a chunk that ends in two other bytes', `${CHUNKED}5\r\nhelloXX${LAST}{canary}`),
  refused('a chunk longer than its size', `${CHUNKED}5\r\nhello, world\r\n${LAST}{canary}`),
  refused('a last chunk that ends in bare LFs', `${CHUNKED}5\r\nhello\r\n0\n\n{canary}`),
  refused('an empty line before a size', `${CHUNKED}\r\n5\r\nhello\r\n${LAST}{canary}`),
];

const TRAILERS: readonly FramingPayload[] = [
  refused('a trailer with a bare LF', `${CHUNKED}0\r\nX: a\nY: b\r\n\r\n{canary}`),
  refused('a trailer that is folded', `${CHUNKED}0\r\nX: a\r\n b\r\n\r\n{canary}`),
  refused('a trailer with a space before its colon', `${CHUNKED}0\r\nX : a\r\n\r\n{canary}`),
  refused('a trailer that names a length', `${CHUNKED}0\r\nContent-Length: {dec:0}\r\n\r\n{canary}`),
  refused('a trailer that names a coding', `${CHUNKED}0\r\nTransfer-Encoding: chunked\r\n\r\n{canary}`),
  refused('a trailer that is a request line', `${CHUNKED}0\r\nGET /canary HTTP/1.1\r\n\r\n{canary}`),
  accepted(
    'pipelined',
    'a trailer that names a Host',
    `${post('Transfer-Encoding: chunked', 'Trailer: Host')}0\r\nHost: other.example\r\n\r\n{canary}`,
  ),
];

export const CHUNK_PAYLOADS: readonly FramingPayload[] = [...SIZES, ...EXTENSIONS, ...ENDS, ...TRAILERS];
