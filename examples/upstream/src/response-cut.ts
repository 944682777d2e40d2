import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import type { CutMode } from './control-settings.ts';
import type { OpenSockets } from './open-sockets.ts';

/** Waits until the socket has handed everything to the kernel, or is gone. */
async function flushed(socket: Socket): Promise<void> {
  await new Promise<void>((resolve) => {
    if (socket.destroyed) return resolve();
    socket.once('close', () => resolve());
    socket.write('', () => resolve());
  });
}

/**
 * Ends a response in the middle of its body: by a close, or in mode `reset` by a TCP reset. What was written is flushed
 * first; still, a reset may overtake bytes that the client has not read.
 */
export async function cutResponse(
  response: ServerResponse,
  mode: CutMode,
  sockets: OpenSockets,
): Promise<void> {
  const { socket } = response;
  if (socket === null) return;
  response.flushHeaders();
  await flushed(socket);
  if (mode !== 'reset') return socket.destroySoon();
  // Only a TCP socket can be reset; below TLS that is another one.
  const tcpSocket = socket instanceof TLSSocket ? sockets.below(socket) : socket;
  tcpSocket?.resetAndDestroy();
}
