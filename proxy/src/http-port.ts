/** The proxy's HTTP port: its limits, what arrives malformed, CONNECT and upgrades. */
import { createServer } from 'node:http';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import { failureHead } from './client-exchange.ts';
import { ProxyError } from './errors.ts';

/** Limits of the port. */
export interface PortLimits {
  readonly headerBytesMax: number;
  readonly connectionsMax: number;
}

/** Who takes what arrives. */
export interface PortListeners {
  request(request: IncomingMessage, response: ServerResponse): void;
  connect(request: IncomingMessage, socket: Duplex, head: Buffer): void;
  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void;
}

const HEADERS_TIMEOUT_MS = 60_000;
/** Longer than a client's own, so that it is the client that ends an idle connection. */
const KEEP_ALIVE_TIMEOUT_MS = 65_000;

const BY_CODE: Readonly<Record<string, ProxyError>> = {
  HPE_HEADER_OVERFLOW: new ProxyError(
    'head-too-large',
    'the head of the request is over limits.headerBytesMax',
  ),
  ERR_HTTP_REQUEST_TIMEOUT: new ProxyError('request-timeout', 'the head of the request took too long'),
};
const MALFORMED = new ProxyError('bad-request', 'the request is not HTTP/1.1 as a proxy can read it');

/** Answers what the parser refused, on a connection that cannot be used any more. */
function refuseMalformed(error: NodeJS.ErrnoException, socket: Duplex): void {
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy();
    return;
  }
  const { status, headers, body } = failureHead(BY_CODE[error.code ?? ''] ?? MALFORMED);
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  socket.end(`HTTP/1.1 ${status} Refused\r\n${lines.join('')}connection: close\r\n\r\n${body}`, () =>
    socket.destroy(),
  );
}

/** Makes the server; it does not listen yet. */
export function createHttpPort(
  { headerBytesMax, connectionsMax }: PortLimits,
  listeners: PortListeners,
): Server {
  const server = createServer({
    maxHeaderSize: headerBytesMax,
    headersTimeout: HEADERS_TIMEOUT_MS,
    keepAliveTimeout: KEEP_ALIVE_TIMEOUT_MS,
    // An upload may take as long as it likes; its upstream and the client decide.
    requestTimeout: 0,
    // Any other offer, such as HTTP/2 in the clear, may be passed over: https://www.rfc-editor.org/rfc/rfc9110#section-7.8
    shouldUpgradeCallback: ({ method, headers: { upgrade } }) =>
      method === 'GET' && upgrade?.toLowerCase() === 'websocket',
  });
  server.maxConnections = connectionsMax;
  server.on('request', (request, response) => listeners.request(request, response));
  server.on('connect', (request, socket, head) => listeners.connect(request, socket, head));
  server.on('upgrade', (request, socket, head) => listeners.upgrade(request, socket, head));
  server.on('clientError', refuseMalformed);
  return server;
}
