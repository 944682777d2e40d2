/** Content-Length and Transfer-Encoding that contradict each other, themselves, or the grammar. */
import { accepted, head, post, refused, TWO_ENDS } from './payload.ts';
import type { FramingPayload } from './payload.ts';

const CHUNKED_CANARY = '{hex:0}\r\n{canary}\r\n0\r\n\r\n';
const MANY_LINES: readonly string[] = Array.from({ length: 1100 }, () => 'a:');

/** https://www.rfc-editor.org/rfc/rfc9112#section-6.3 */
const CONTRADICTIONS: readonly FramingPayload[] = [
  refused('CL.TE', post('Content-Length: {dec:5}', 'Transfer-Encoding: chunked') + TWO_ENDS),
  refused('TE.CL', post('Transfer-Encoding: chunked', 'Content-Length: 4') + CHUNKED_CANARY),
  refused('CL.TE with a length of zero', post('Content-Length: 0', 'Transfer-Encoding: chunked') + TWO_ENDS),
  refused(
    'CL.TE on GET',
    head('GET {t}/first', 'Content-Length: 5', 'Transfer-Encoding: chunked') + TWO_ENDS,
  ),
  refused('two lengths', `${post('Content-Length: 0', 'Content-Length: {dec:0}')}{canary}`),
  refused('the same length twice', `${post('Content-Length: 5', 'Content-Length: 5')}hello{canary}`),
  refused('a list of lengths', `${post('Content-Length: 0, {dec:0}')}{canary}`),
  refused('a list of the same length', `${post('Content-Length: 5, 5')}hello{canary}`),
  refused(
    'a length behind 1,100 lines',
    `${post(...MANY_LINES, 'Content-Length: {dec:0}', 'X-End: 1', 'Content-Length: 0')}{canary}`,
    400,
    431,
  ),
  refused('a second Host behind 1,100 lines', post(...MANY_LINES, 'Host: other.example'), 400, 431),
  refused(
    'a coding behind 1,100 lines',
    post('Content-Length: 5', ...MANY_LINES, 'Transfer-Encoding: chunked') + TWO_ENDS,
    400,
    431,
  ),
];

/** https://www.rfc-editor.org/rfc/rfc9110#section-8.6 */
const LENGTHS: readonly FramingPayload[] = [
  ...[
    '+5',
    '-5',
    '0x5',
    '1_0',
    '5.0',
    '5e0',
    '5 5',
    '5;a',
    '"5"',
    '5,',
    ',5',
    '',
    'five',
    '\u00d9\u00a5',
    '\u000b5',
    '5\u000b',
    '005',
  ].map((length) =>
    refused(`Content-Length: ${JSON.stringify(length)}`, `${post(`Content-Length: ${length}`)}hello{canary}`),
  ),
  refused('a length of 2^64 + 5', `${post('Content-Length: 18446744073709551621')}hello{canary}`),
  refused('a length of 2^63', `${post('Content-Length: 9223372036854775808')}hello{canary}`),
  refused(
    'Content_Length, which CGI reads as a length',
    `${post('Content-Length: 5', 'Content_Length: 0')}hello{canary}`,
  ),
  accepted('body', 'CL.0', `${post('Content-Length: {dec:0}')}{canary}`),
  accepted('body', '0.CL: GET with a body', `${head('GET {t}/first', 'Content-Length: {dec:0}')}{canary}`),
  accepted('body', 'HEAD with a body', `${head('HEAD {t}/first', 'Content-Length: {dec:0}')}{canary}`),
  accepted(
    'body',
    'TE.0: OPTIONS in chunks',
    head('OPTIONS {t}/first', 'Transfer-Encoding: chunked') + CHUNKED_CANARY,
  ),
  accepted('body', 'GET in chunks', head('GET {t}/first', 'Transfer-Encoding: chunked') + CHUNKED_CANARY),
  accepted('body', 'a coding in upper case', post('Transfer-Encoding: CHUNKED') + CHUNKED_CANARY),
  accepted('body', 'a length between spaces', `${post('Content-Length: \t {dec:0} \t')}{canary}`),
  refused('TRACE with a body', `${head('TRACE {t}/first', 'Content-Length: {dec:0}')}{canary}`),
];

/** https://www.rfc-editor.org/rfc/rfc9112#section-6.1 */
const CODINGS: readonly FramingPayload[] = [
  ...[
    'xchunked',
    'chunk',
    'chunked, identity',
    'identity',
    'chunked, chunked',
    'chunked;q=1',
    '"chunked"',
    'chunked,',
    ', chunked',
    'chunked\u000b',
    '\u000bchunked',
    '\u000cchunked',
    '\u0000chunked',
    'chunked\u0000',
    'ch\u00fcnked',
    'chunked x',
    '',
    'chunked, gzip',
    'identity, chunked',
    'gzip, chunked',
    'x, chunked',
  ].map((coding) =>
    refused(
      `Transfer-Encoding: ${JSON.stringify(coding)}`,
      post(`Transfer-Encoding: ${coding}`) + TWO_ENDS,
      400,
      501,
    ),
  ),
  ...[
    ['chunked', 'chunked'],
    ['chunked', 'identity'],
    ['identity', 'chunked'],
    ['chunked', 'x'],
    ['x', 'chunked'],
  ].map((codings) =>
    refused(
      `two codings: ${codings.join(' and ')}`,
      post(...codings.map((coding) => `Transfer-Encoding: ${coding}`)) + TWO_ENDS,
      400,
      501,
    ),
  ),
  refused(
    'an unknown coding beside a length',
    `${post('Content-Length: 5', 'Transfer-Encoding: xchunked')}hello{canary}`,
  ),
  refused(
    'a coding with HTTP/1.0',
    `POST {t}/first HTTP/1.0\r\nHost: {h}\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\n${TWO_ENDS}`,
  ),
  refused(
    'a coding with HTTP/1.0 beside a length',
    `POST {t}/first HTTP/1.0\r\nHost: {h}\r\nConnection: keep-alive\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n${TWO_ENDS}`,
  ),
  refused(
    'Transfer_Encoding, which CGI reads as a coding',
    `${post('Content-Length: {dec:5}', 'Transfer_Encoding: chunked')}${TWO_ENDS}`,
  ),
  refused('Transfer.Encoding', `${post('Content-Length: {dec:5}', 'Transfer.Encoding: chunked')}${TWO_ENDS}`),
];

export const LENGTH_PAYLOADS: readonly FramingPayload[] = [...CONTRADICTIONS, ...LENGTHS, ...CODINGS];
