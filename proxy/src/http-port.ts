/** The proxy's HTTP port: its limits, what arrives malformed, CONNECT and upgrades. */
import { createServer } from 'node:http';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import type { ToldFailure } from './client-exchange.ts';
import { ProxyError } from './errors.ts';
import { trackClientConnections } from './framing/client-connections.ts';
import { rebuildHost } from './framing/rebuilt-host.ts';
import { refusal } from './framing/refusal.ts';
import { TimedResponse } from './timed-response.ts';

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

const BY_CODE: Readonly<Record<string, ToldFailure>> = {
  HPE_HEADER_OVERFLOW: new ProxyError(
    'head-too-large',
    'the head of the request is over limits.headerBytesMax',
  ),
  ERR_HTTP_REQUEST_TIMEOUT: new ProxyError('request-timeout', 'the head of the request took too long'),
};
const MALFORMED = refusal('the request is not HTTP/1.1 as a proxy can read it');

/** Makes the server; it does not listen yet. */
export function createHttpPort(
  { headerBytesMax, connectionsMax }: PortLimits,
  listeners: PortListeners,
): Server {
  const server = createServer({
    ServerResponse: TimedResponse,
    maxHeaderSize: headerBytesMax,
    headersTimeout: HEADERS_TIMEOUT_MS,
    keepAliveTimeout: KEEP_ALIVE_TIMEOUT_MS,
    // An upload may take as long as it likes; its upstream and the client decide.
    requestTimeout: 0,
    // Node's own answer would not keep it from handling what stands behind such a request; framing/ refuses it.
    requireHostHeader: false,
    insecureHTTPParser: false,
    // Any other offer, such as HTTP/2 in the clear, may be passed over: https://www.rfc-editor.org/rfc/rfc9110#section-7.8
    shouldUpgradeCallback: ({ method, headers: { upgrade } }) =>
      method === 'GET' && upgrade?.toLowerCase() === 'websocket',
  });
  server.maxConnections = connectionsMax;
  const connections = trackClientConnections();
  const onRequest = (request: IncomingMessage, response: ServerResponse): void => {
    if (!connections.admits(request, response)) return;
    rebuildHost(request);
    if (request.headers.expect !== undefined && request.httpVersion === '1.1') response.writeContinue();
    listeners.request(request, response);
  };
  // With these Node leaves the answer to an Expect to us, behind the checks.
  for (const event of ['request', 'checkContinue', 'checkExpectation']) server.on(event, onRequest);
  server.on('connect', (request, socket, head) => {
    if (connections.admitsTakeover(request, socket)) listeners.connect(request, socket, head);
  });
  server.on('upgrade', (request, socket, head) => {
    if (!connections.admitsTakeover(request, socket)) return;
    rebuildHost(request);
    listeners.upgrade(request, socket, head);
  });
  server.on('clientError', (error: NodeJS.ErrnoException, socket) => {
    if (error.code === 'ECONNRESET') socket.destroy();
    else connections.refuseBytes(socket, BY_CODE[error.code ?? ''] ?? MALFORMED);
  });
  return server;
}
