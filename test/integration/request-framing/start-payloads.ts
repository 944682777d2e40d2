/** Request lines, Host, and what turns a connection into something else. */
import { accepted, head, post, refused } from './payload.ts';
import type { FramingPayload } from './payload.ts';

/** A GET with this request line. */
function line(text: string): string {
  return `${text}\r\nHost: {h}\r\n\r\n`;
}

/** https://www.rfc-editor.org/rfc/rfc9112#section-3.2 */
const HOSTS: readonly FramingPayload[] = [
  refused('two Hosts', head('GET {t}/first', 'Host: other.example')),
  refused('the same Host twice', head('GET {t}/first', 'Host: {h}')),
  refused('no Host', 'GET {t}/first HTTP/1.1\r\n\r\n'),
  ...[
    '{h} {h}',
    '{h}, other.example',
    'user@{h}',
    '{h}/path',
    '{h}?a',
    '{h}#a',
    'a\\b',
    '{h}:80:80',
    'a:b',
    '[::1',
    'a\tb',
    '"a"',
  ].map((host) => refused(`Host: ${host}`, `GET {t}/first HTTP/1.1\r\nHost: ${host}\r\n\r\n`)),
  accepted('pipelined', 'no Host with HTTP/1.0', 'GET {t}/first HTTP/1.0\r\nConnection: keep-alive\r\n\r\n'),
];

/** https://www.rfc-editor.org/rfc/rfc9112#section-3 */
const TARGETS: readonly FramingPayload[] = [
  refused('a space in the target', line('GET {t}/a b HTTP/1.1')),
  refused('a request in the target', line('GET {t}/a HTTP/1.1\tGET HTTP/1.1')),
  ...['\t', '\u0000', '\u0001', '\u000b', '\u000c', '\u007f', '\r', '\n', '#part', '#'].map((bytes) =>
    refused(`a target with ${JSON.stringify(bytes)}`, line(`GET {t}/a${bytes}b HTTP/1.1`)),
  ),
  refused('a target with a user', line('GET http://user:secret@{h}/first HTTP/1.1')),
  refused('a target without a host', line('GET http:///first HTTP/1.1')),
  refused('a target with a port of letters', line('GET http://{h}:a/first HTTP/1.1')),
  refused('a target with one slash', line('GET http:/{h}/first HTTP/1.1')),
  refused('a target of another scheme', line('GET ftp://{h}/first HTTP/1.1')),
  refused('a target without a slash', line('GET first HTTP/1.1')),
  refused('an authority as the target of GET', line('GET {h} HTTP/1.1')),
  refused('an asterisk as the target of GET', line('GET * HTTP/1.1')),
  refused('no target', line('GET HTTP/1.1')),
];

const VERSIONS: readonly FramingPayload[] = [
  refused('HTTP/0.9 without a version', 'GET {t}/first\r\n'),
  ...[
    'HTTP/0.9',
    'HTTP/1.2',
    'HTTP/2.0',
    'HTTP/3.0',
    'HTTP/1.10',
    'HTTP/01.1',
    'HTTP/1',
    'HTTP/1,1',
    'HTTP/ 1.1',
    'http/1.1',
    'HTTQ/1.1',
    'HTTP/1.1 ',
    'HTTP/1.1x',
    'ICE/1.0',
  ].map((version) =>
    refused(`the version ${JSON.stringify(version)}`, line(`GET {t}/first ${version}`), 400, 505),
  ),
  // The parser says nothing of the protocol's name; what is forwarded is HTTP/1.1 all the same.
  accepted('ends', 'RTSP/1.0, which the parser takes for HTTP/1.0', line('GET {t}/first RTSP/1.0')),
  refused('the preface of HTTP/2', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 400, 505),
  refused('a ClientHello', '\u0016\u0003\u0001\u0000\u00a5\u0001\u0000\u0000\u00a1\u0003\u0003'),
  accepted(
    'ends',
    'a request behind the last one of HTTP/1.0',
    'GET {t}/first HTTP/1.0\r\nHost: {h}\r\n\r\n',
  ),
  accepted('ends', 'a request behind Connection: close', head('GET {t}/first', 'Connection: close')),
];

const METHODS: readonly FramingPayload[] = [
  ...['get', 'Get', 'GET\u0000', 'GOT', '', 'G ET', 'GET:', '\u00a0GET'].map((method) =>
    refused(`the method ${JSON.stringify(method)}`, line(`${method} {t}/first HTTP/1.1`), 400, 501),
  ),
  // A recipient may: https://www.rfc-editor.org/rfc/rfc9112#section-3-3
  accepted('pipelined', 'two spaces behind the method', line('GET  {t}/first HTTP/1.1')),
  refused('a tab behind the method', line('GET\t{t}/first HTTP/1.1')),
  refused('a space before the method', line(' GET {t}/first HTTP/1.1')),
  refused('an answer instead of a request', 'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n'),
];

/** https://www.rfc-editor.org/rfc/rfc9110#section-10.1.1 */
const EXPECTATIONS: readonly FramingPayload[] = [
  ...[
    '200-ok',
    '100-continue, 200-ok',
    'x-100-continue-y',
    '100-continue;q=1',
    '100-continued',
    '100 continue',
  ].map((expectation) =>
    refused(
      `Expect: ${expectation}`,
      `${post('Content-Length: 5', `Expect: ${expectation}`)}hello{canary}`,
      417,
    ),
  ),
  refused(
    'two Expects',
    `${post('Content-Length: 5', 'Expect: 100-continue', 'Expect: 100-continue')}hello{canary}`,
    417,
  ),
  accepted(
    'body',
    'a body that does not wait for 100',
    `${post('Content-Length: {dec:0}', 'Expect: 100-Continue')}{canary}`,
  ),
];

const WEBSOCKET = [
  'Connection: Upgrade',
  'Upgrade: websocket',
  'Sec-WebSocket-Version: 13',
  'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
];

/** What Node would let take over the connection. */
const TAKEOVERS: readonly FramingPayload[] = [
  refused(
    'an upgrade with a body',
    `${head('GET {t}/first', ...WEBSOCKET, 'Content-Length: {dec:0}')}{canary}`,
  ),
  refused(
    'an upgrade with a body in chunks',
    `${head('GET {t}/first', ...WEBSOCKET, 'Transfer-Encoding: chunked')}0\r\n\r\n{canary}`,
  ),
  refused('an upgrade with two Hosts', head('GET {t}/first', 'Host: other.example', ...WEBSOCKET)),
  refused('CONNECT with a body', 'CONNECT {h} HTTP/1.1\r\nHost: {h}\r\nContent-Length: {dec:0}\r\n\r\n'),
  refused(
    'CONNECT with a body in chunks',
    'CONNECT {h} HTTP/1.1\r\nHost: {h}\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
  ),
  refused('CONNECT with two Hosts', 'CONNECT {h} HTTP/1.1\r\nHost: {h}\r\nHost: {h}\r\n\r\n'),
  refused('CONNECT without a Host', 'CONNECT {h} HTTP/1.1\r\n\r\n'),
  refused(
    'CONNECT behind a request that waits',
    `${head('GET {t}/slow')}CONNECT {h} HTTP/1.1\r\nHost: {h}\r\n\r\n`,
  ),
  refused(
    'an upgrade behind a request that waits',
    `${head('GET {t}/slow')}${head('GET {t}/first', ...WEBSOCKET)}`,
  ),
  accepted(
    'body',
    'an offer of h2c with a body',
    `${post('Connection: Upgrade, HTTP2-Settings', 'Upgrade: h2c', 'HTTP2-Settings: AAMAAABkAAQAAP__', 'Content-Length: {dec:0}')}{canary}`,
  ),
];

export const START_PAYLOADS: readonly FramingPayload[] = [
  ...HOSTS,
  ...TARGETS,
  ...VERSIONS,
  ...METHODS,
  ...EXPECTATIONS,
  ...TAKEOVERS,
];
