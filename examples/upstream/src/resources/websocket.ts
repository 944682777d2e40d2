import { createHash } from 'node:crypto';
import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { jsonAnswer } from '../answer.ts';
import type { RequestCounts } from '../request-counts.ts';
import { readTarget } from '../request-target.ts';
import type { Resource } from '../resource.ts';
import { closeFrame, opcodes, readFrame, writeFrame } from '../websocket-frames.ts';

const path = '/ws';
/** RFC 6455 §1.3. */
const handshakeGuid = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';

/** What `/ws` says to a request that does not upgrade (RFC 9110 §15.5.22). */
export const websocketResource: Resource = {
  usage: '/ws (WebSocket echo)',
  path,
  answer: () => jsonAnswer(426, { error: 'this is a WebSocket: upgrade' }, [['Upgrade', 'websocket']]),
};

/** Says which requests leave HTTP; any other Upgrade field is ignored, as RFC 9110 §7.8 lets a server do. */
export function isWebsocketUpgrade({ method, headers, url = '' }: IncomingMessage): boolean {
  const isHandshake = headers.upgrade?.toLowerCase() === 'websocket' && 'sec-websocket-key' in headers;
  return method === 'GET' && isHandshake && readTarget(url).path === path;
}

function handshake(key: string): string {
  const accept = createHash('sha1').update(`${key}${handshakeGuid}`).digest('base64');
  const lines = ['Upgrade: websocket', 'Connection: Upgrade', `Sec-WebSocket-Accept: ${accept}`];
  return ['HTTP/1.1 101 Switching Protocols', ...lines, '', ''].join('\r\n');
}

/** Echoes frame by frame, so that fragmented messages come back fragmented, until a close frame goes either way. */
async function echoFrames(socket: Duplex, signal: AbortSignal): Promise<void> {
  let pending: Buffer = Buffer.alloc(0);
  // The iterator must not destroy the socket when the loop is left: the close frame is still on its way out.
  for await (const chunk of socket.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    pending = Buffer.concat([pending, chunk]);
    for (let reading = readFrame(pending); reading.state !== 'incomplete'; reading = readFrame(pending)) {
      if (reading.state === 'refused') return void socket.end(closeFrame(reading.closeCode));
      const { frame, byteLength } = reading;
      pending = pending.subarray(byteLength);
      if (frame.opcode === opcodes.close) return void socket.end(writeFrame(frame));
      if (frame.opcode === opcodes.pong) continue;
      const opcode = frame.opcode === opcodes.ping ? opcodes.pong : frame.opcode;
      if (!socket.write(writeFrame({ ...frame, opcode }))) await once(socket, 'drain', { signal });
    }
  }
  socket.end();
}

/** Makes the listener of node:http's `upgrade` event, for requests that {@link isWebsocketUpgrade} let through. */
export function websocketEcho(
  counts: RequestCounts,
): (request: IncomingMessage, socket: Duplex, head: Buffer) => void {
  return ({ method = 'GET', headers }, socket, head) => {
    const visit = counts.begin({ method, path, conditional: false });
    visit.count('upgrade');
    const closed = new AbortController();
    socket.once('close', () => {
      closed.abort();
      visit.end(socket.writableFinished);
    });
    if (head.length > 0) socket.unshift(head);
    socket.write(handshake(headers['sec-websocket-key'] ?? ''));
    // A peer that resets is no failure of the echo: the close above ends the visit and counts it as aborted.
    echoFrames(socket, closed.signal).catch(() => socket.destroy());
  };
}
