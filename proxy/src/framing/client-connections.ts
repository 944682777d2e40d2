/** What may still be read from and written to each client connection, so that no answer is taken for another request's. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import { failureHead } from '../client-exchange.ts';
import type { ToldFailure } from '../client-exchange.ts';
import { framingFault } from './request-framing.ts';

/** Judges what arrives, in wire order. */
export interface ClientConnections {
  /** Whether the request is to be handled; when not, it is answered here, and nothing behind it is read. */
  admits(request: IncomingMessage, response: ServerResponse): boolean;
  /** The same for a CONNECT or an upgrade, which Node has taken off its own hands. */
  admitsTakeover(request: IncomingMessage, socket: Duplex): boolean;
  /** Refuses bytes that the parser could not read as a request, or as the rest of one. */
  refuseBytes(socket: Duplex, refusal: ToldFailure): void;
}

/** A request whose answer is not complete. */
interface OpenExchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
}

export function trackClientConnections(): ClientConnections {
  const open = new WeakMap<Duplex, readonly OpenExchange[]>();
  const openOn = (socket: Duplex): readonly OpenExchange[] =>
    (open.get(socket) ?? []).filter(({ response }) => !response.closed);
  /** Node parses all that has arrived, also behind a request that is refused. */
  const closing = new WeakSet<Duplex>();

  return {
    admits(request, response) {
      const { socket } = request;
      if (closing.has(socket)) return false;
      open.set(socket, [...openOn(socket), { request, response }]);
      const fault = framingFault(request, false);
      if (fault === undefined) return true;
      closing.add(socket);
      // In its turn: Node holds it back until what was asked before is answered.
      const { status, headers, body } = failureHead(fault);
      response.writeHead(status, { ...headers, connection: 'close' }).end(body);
      return false;
    },
    admitsTakeover(request, socket) {
      if (closing.has(socket)) return false;
      const fault = framingFault(request, true);
      const idle = openOn(socket).length === 0;
      if (fault === undefined && idle) return true;
      closing.add(socket);
      if (fault !== undefined && idle) endWith(socket, fault);
      // In the middle of another request's answer only the end of the connection is understood by both sides.
      else socket.destroy();
      return false;
    },
    refuseBytes(socket, refusal) {
      if (closing.has(socket)) return;
      closing.add(socket);
      if (!socket.writable) return void socket.destroy();
      const exchanges = openOn(socket);
      const last = exchanges.at(-1);
      if (last === undefined) endWith(socket, refusal);
      // Good requests get their answers first.
      else if (last.request.complete) last.response.once('close', () => endWith(socket, refusal));
      // The last request's own body is malformed: this is its answer, when it is its turn and none has begun.
      else if (exchanges.length === 1 && !last.response.headersSent) endWith(socket, refusal);
      else socket.destroy();
    },
  };
}

function endWith(socket: Duplex, refusal: ToldFailure): void {
  if (!socket.writable) {
    socket.destroy();
    return;
  }
  const { status, headers, body } = failureHead(refusal);
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  socket.end(`HTTP/1.1 ${status} Refused\r\n${lines.join('')}connection: close\r\n\r\n${body}`, () =>
    socket.destroy(),
  );
}
