/** What an upstream says before its answer, such as 103 Early Hints, on its way to the client. */
import { STATUS_CODES } from 'node:http';
import type { ClientRequest, InformationEvent } from 'node:http';
import type { Socket } from 'node:net';
import { appendVia, withoutHeaders, withoutHopByHop } from '@pannier/http-semantics';
import type { ClientExchange } from './client-exchange.ts';
import { headerPairs } from './response-head.ts';

/** Of one request, in bytes; what comes beyond is dropped, since a client that does not read would have them heaped up here. */
const INTERIM_BYTES_MAX = 64 * 1024;
/** No interim response has a body: https://www.rfc-editor.org/rfc/rfc9110#section-8.6 */
const LENGTH: ReadonlySet<string> = new Set(['content-length']);
/** https://www.rfc-editor.org/rfc/rfc9110#section-5.5 */
const VALUE = /^[\t\u0020-\u007e\u0080-\u00ff]*$/;

/**
 * Sends the interim responses of an upstream on, but for 100, which this proxy gives itself, and 101, which is no interim one. A proxy
 * has to, and never to HTTP/1.0: https://www.rfc-editor.org/rfc/rfc9110#section-15.2
 */
export function relayInterim(
  outgoing: ClientRequest,
  { request, response }: ClientExchange,
  pseudonym: string,
): void {
  if (request.httpVersion !== '1.1') return;
  let sentBytes = 0;
  let waiting = '';
  outgoing.on('information', (interim) => {
    if (interim.statusCode === 100 || response.headersSent) return;
    const text = interimHead(interim, pseudonym);
    sentBytes += text.length;
    if (sentBytes > INTERIM_BYTES_MAX) return;
    const { socket } = response;
    if (socket !== null) return void socket.write(text, 'latin1');
    // The request stands behind another one on its connection, and the wire is not its own yet. Node says so just before it writes.
    if (waiting === '') response.once('socket', (own: Socket) => own.write(waiting, 'latin1'));
    waiting += text;
  });
}

function interimHead({ statusCode, rawHeaders }: InformationEvent, pseudonym: string): string {
  const fields = withoutHeaders(withoutHopByHop(headerPairs(rawHeaders)), LENGTH);
  const lines = appendVia(fields, pseudonym)
    .filter(([, value]) => VALUE.test(value))
    .map(([name, value]) => `${name}: ${value}\r\n`);
  return `HTTP/1.1 ${statusCode} ${STATUS_CODES[statusCode] ?? ''}\r\n${lines.join('')}\r\n`;
}
