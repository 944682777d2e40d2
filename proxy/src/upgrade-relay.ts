/** What a client sees of an upgrade that its upstream refuses, fails or breaks; the frames themselves flow through http-proxy. */
import { ServerResponse, STATUS_CODES } from 'node:http';
import type { ClientRequest, IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import { pipeline } from 'node:stream/promises';
import { cacheStatusOf, withoutHopByHop } from '@pannier/http-semantics';
import { failureHead } from './client-exchange.ts';
import type { ToldFailure } from './client-exchange.ts';
import type { ProxyError } from './errors.ts';
import type { ProxiedRequest } from './proxied-request.ts';
import { clientHead, flatHead, headerPairs } from './response-head.ts';
import { upstreamFailure } from './upstream-failure.ts';

/** A request to upgrade, and the connection that it came on. */
export interface UpgradeRequest {
  readonly request: IncomingMessage;
  readonly asked: ProxiedRequest;
  readonly socket: Socket;
  /** Bytes that came behind the head already. */
  readonly head: Buffer;
}

/** What http-proxy calls. */
export interface UpgradeRelay {
  onOutgoing(outgoing: ClientRequest): void;
  onError(error: Error): void;
}

/** Tells of a failure on a connection that has not become a WebSocket; to be followed by its end. */
export function refuseUpgrade(socket: Socket, failure: ToldFailure): void {
  const { status, headers, body } = failureHead(failure);
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  socket.end(
    `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}\r\n${lines.join('')}connection: close\r\n\r\n${body}`,
  );
}

/** Follows one upgrade. */
export function relayUpgrade(
  { request, asked, socket }: UpgradeRequest,
  { pseudonym, onFailure }: { pseudonym: string; onFailure: (error: ProxyError) => void },
): UpgradeRelay {
  let state: 'asking' | 'answered' | 'open' = 'asking';
  socket.on('error', () => socket.destroy());
  return {
    onOutgoing(outgoing) {
      outgoing.once('upgrade', () => (state = 'open'));
      // A client that left while the upstream was thinking leaves nothing behind.
      socket.once('close', () => {
        if (state !== 'open') outgoing.destroy();
      });
      // http-proxy adds its listener after this one, and it never ends for a body that breaks off.
      process.nextTick(() => {
        outgoing.removeAllListeners('response').once('response', (answer: IncomingMessage) => {
          state = 'answered';
          void relayAnswer(request, answer, { socket, pseudonym });
        });
      });
    },
    onError(error) {
      const failure = upstreamFailure(error, asked.route.authority);
      if (state === 'asking' && socket.writable) refuseUpgrade(socket, failure);
      // In the middle of frames or of a body only the end of the connection can still tell.
      else socket.resetAndDestroy();
      onFailure(failure);
    },
  };
}

/** An upstream that does not upgrade answers like to any request; the connection ends behind it. */
async function relayAnswer(
  request: IncomingMessage,
  answer: IncomingMessage,
  { socket, pseudonym }: { socket: Socket; pseudonym: string },
): Promise<void> {
  const response = new ServerResponse(request);
  response.shouldKeepAlive = false;
  response.assignSocket(socket);
  const status = answer.statusCode ?? 502;
  const headers = withoutHopByHop(headerPairs(answer.rawHeaders));
  const params = { ...cacheStatusOf('bypass-upgrade'), fwdStatus: status };
  response.writeHead(status, flatHead(clientHead(headers, pseudonym, params)));
  // Comes before the pipeline's own listener, which would end the connection as if the body were whole.
  answer.prependListener('error', () => socket.resetAndDestroy());
  try {
    await pipeline(answer, response);
    socket.end();
  } catch {
    socket.destroy();
  }
}
