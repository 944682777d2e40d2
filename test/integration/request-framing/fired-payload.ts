/** Sends one payload and waits for what becomes of it. */
import { once } from 'node:events';
import type { Socket } from 'node:net';
import { speak, until } from '../raw-peers.ts';

/** What the client saw. */
export interface Aftermath {
  /** Final statuses in order. */
  readonly statuses: readonly number[];
  readonly text: string;
  /** Whether the proxy ended the connection. */
  readonly ended: boolean;
}

/** Connects, through a CONNECT to `tunnelTo` when it is given. */
export async function approach(port: number, tunnelTo?: string): Promise<Socket> {
  if (tunnelTo === undefined) return await speak(port, '');
  const socket = await speak(port, `CONNECT ${tunnelTo} HTTP/1.1\r\nHost: ${tunnelTo}\r\n\r\n`);
  await until(socket, '200 Connection Established\r\n\r\n');
  return socket;
}

/** Waits until the proxy ends the connection, or has answered so many requests, or `stop` fires. */
export async function fire(
  socket: Socket,
  bytes: string,
  { answers, stop }: { answers: number; stop?: AbortSignal },
): Promise<Aftermath> {
  let text = '';
  const done = new AbortController();
  const statusesOf = (): number[] =>
    [...text.matchAll(/HTTP\/1\.1 ([2-5]\d\d) /g)].map(([, status]) => Number(status));
  socket.on('data', (chunk: Buffer) => {
    text += chunk.toString('latin1');
    if (statusesOf().length >= answers) done.abort();
  });
  socket.once('close', () => done.abort());
  stop?.addEventListener('abort', () => done.abort(), { once: true });
  socket.write(Buffer.from(bytes, 'latin1'));
  // A listener of `readable` leaves a socket paused for a moment after it has gone.
  setImmediate(() => socket.resume());
  if (!done.signal.aborted) await once(done.signal, 'abort');
  const ended = socket.readableEnded || socket.destroyed;
  socket.destroy();
  return { statuses: statusesOf(), text, ended };
}
