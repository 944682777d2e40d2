/** Field lines that readers cut at different places. https://www.rfc-editor.org/rfc/rfc9112#section-5 */
import { accepted, head, post, refused, TWO_ENDS } from './payload.ts';
import type { FramingPayload } from './payload.ts';

/** A POST of five bytes to one reader, and a chunked one of none to another who takes `line` for a coding. */
function hidden(line: string): string {
  return `${post('Content-Length: {dec:5}', line)}${TWO_ENDS}`;
}

const NAMES: readonly FramingPayload[] = [
  refused('a space before the colon', hidden('Transfer-Encoding : chunked')),
  refused('a tab before the colon', hidden('Transfer-Encoding\t: chunked')),
  refused('a vertical tab before the colon', hidden('Transfer-Encoding\u000b: chunked')),
  refused('a NUL before the colon', hidden('Transfer-Encoding\u0000: chunked')),
  refused('a soft hyphen in a name', hidden('Transfer-Enc\u00adoding: chunked')),
  refused('an empty name', hidden(': chunked')),
  refused('a line without a colon', hidden('Transfer-Encoding')),
  refused('a space in a name', hidden('X Transfer-Encoding: chunked')),
  refused('a quote in a name', hidden('"Transfer-Encoding": chunked')),
  refused('a bracket in a name', hidden('Transfer-Encoding[]: chunked')),
  refused('a space before the length', `${post('Content-Length : {dec:0}')}{canary}`),
  refused(
    'a space before the first name',
    `POST {t}/first HTTP/1.1\r\n X: a\r\nHost: {h}\r\nContent-Length: 0\r\n\r\n`,
  ),
  refused('a space before the name of a coding', hidden(' Transfer-Encoding: chunked')),
  refused('a tab before the name of a coding', hidden('\tTransfer-Encoding: chunked')),
  refused('a vertical tab before the name of a coding', hidden('\u000bTransfer-Encoding: chunked')),
];

const VALUES: readonly FramingPayload[] = [
  refused('a folded value', post('X: a', ' b', 'Content-Length: 0')),
  refused('a folded value with a tab', post('X: a', '\tb', 'Content-Length: 0')),
  refused('a folded coding', hidden('Transfer-Encoding:\r\n chunked')),
  refused('a coding in a fold', hidden('X: a\r\n Transfer-Encoding: chunked')),
  refused('a folded length', `${post('Content-Length:\r\n {dec:0}')}{canary}`),
  ...['\u0000', '\u0001', '\u0008', '\u000b', '\u001b', '\u007f'].map((byte) =>
    refused(`a value with ${JSON.stringify(byte)}`, post(`X: a${byte}b`, 'Content-Length: 0')),
  ),
  refused('a bare LF in a value', hidden('X: a\nTransfer-Encoding: chunked')),
  refused('a bare CR in a value', hidden('X: a\rTransfer-Encoding: chunked')),
  refused('CR CR LF behind a value', hidden('X: a\r\r\nTransfer-Encoding: chunked')),
  refused('LF CR between lines', hidden('X: a\n\rTransfer-Encoding: chunked')),
  refused('a NUL that ends a line early', hidden('X: a\u0000\r\nTransfer-Encoding: chunked')),
];

const HEADS: readonly FramingPayload[] = [
  refused('a head of bare LFs', 'GET {t}/first HTTP/1.1\nHost: {h}\n\n'),
  refused('a head of bare CRs', 'GET {t}/first HTTP/1.1\rHost: {h}\r\r'),
  refused('a request line that ends in a bare LF', 'GET {t}/first HTTP/1.1\nHost: {h}\r\n\r\n'),
  refused('a field line that ends in a bare LF', 'GET {t}/first HTTP/1.1\r\nHost: {h}\nX: a\r\n\r\n'),
  refused('a head that ends in CR LF LF', 'GET {t}/first HTTP/1.1\r\nHost: {h}\r\n\n'),
  refused('a head that ends in LF CR LF', 'GET {t}/first HTTP/1.1\r\nHost: {h}\n\r\n'),
  refused('a head that ends in CR LF CR', 'GET {t}/first HTTP/1.1\r\nHost: {h}\r\n\rX'),
  refused('a head over the limit', head('GET {t}/first', `X: ${'a'.repeat(100_000)}`), 431),
  accepted('pipelined', 'an empty line before a request', '\r\nGET {t}/first HTTP/1.1\r\nHost: {h}\r\n\r\n'),
  accepted('pipelined', 'bytes above 127 in a value', head('GET {t}/first', 'X: \u00e9')),
  accepted('pipelined', 'two requests at once', head('GET {t}/first')),
  accepted('pipelined', 'an empty line behind a body', `${post('Content-Length: 5')}hello\r\n`),
];

export const LINE_PAYLOADS: readonly FramingPayload[] = [...NAMES, ...VALUES, ...HEADS];
