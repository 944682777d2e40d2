/** Peers that speak byte by byte, for what no HTTP library would send. */
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import type { Socket } from 'node:net';
import { listenOnLoopback } from '../fixture/loopback-port.ts';

/** An upstream whose every connection is a script. */
export interface RawUpstream extends AsyncDisposable {
  readonly url: string;
  readonly port: number;
}

/** Listens on a free port of loopback. */
export async function rawUpstream(
  script: (socket: Socket) => void,
  options: { allowHalfOpen?: boolean } = {},
): Promise<RawUpstream> {
  const sockets = new Set<Socket>();
  const server = createServer(options, (socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    socket.once('close', () => sockets.delete(socket));
    script(socket);
  });
  const port = await listenOnLoopback(server);
  return {
    url: `http://127.0.0.1:${port}`,
    port,
    [Symbol.asyncDispose]: async () => {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}

/** Resolves with what a socket sent once it contains a text; rejects when it ends before. */
export async function until(socket: Socket, text: string): Promise<string> {
  let seen = '';
  for (;;) {
    const chunk = socket.read() as Buffer | null;
    if (chunk !== null) seen += chunk.toString('latin1');
    if (seen.includes(text)) return seen;
    if (socket.readableEnded || socket.destroyed) throw new Error(`ended after: ${seen}`);
    await Promise.race([once(socket, 'readable'), once(socket, 'close')]);
  }
}

/** How a connection ended, and everything that came before it. */
export async function ending(socket: Socket): Promise<{ text: string; end: 'closed' | 'reset' }> {
  let text = '';
  let end: 'closed' | 'reset' = 'closed';
  const closed = Promise.withResolvers<undefined>();
  socket.on('data', (chunk: Buffer) => (text += chunk.toString('latin1')));
  socket.on('error', () => (end = 'reset'));
  socket.once('close', () => closed.resolve(undefined));
  // A listener of `readable` leaves a socket paused for a moment after it has gone.
  setImmediate(() => socket.resume());
  await closed.promise;
  return { text, end };
}

/** Connects and sends. */
export async function speak(port: number, text: string): Promise<Socket> {
  const socket = connect({ port, host: '127.0.0.1' });
  socket.on('error', () => undefined);
  await once(socket, 'connect');
  socket.write(text);
  return socket;
}
