/** Sends one payload and waits for what becomes of it. */
import { once } from 'node:events';
import type { Socket } from 'node:net';
import { speak } from '../raw-peers.ts';

/** What the client saw. */
export interface Aftermath {
  /** Final statuses in order. */
  readonly statuses: readonly number[];
  readonly text: string;
  /** Whether the proxy ended the connection. */
  readonly ended: boolean;
}

/** Connects, and says nothing yet. */
export async function approach(port: number): Promise<Socket> {
  return await speak(port, '');
}

/** What a CONNECT is answered with; it is no final status of what the tunnel carries. */
const ESTABLISHED = 'HTTP/1.1 200 Connection Established\r\n\r\n';

/** Waits until the proxy ends the connection, or has answered so many requests, or `stop` fires. */
export async function fire(
  socket: Socket,
  bytes: string,
  { answers, stop }: { answers: number; stop?: AbortSignal },
): Promise<Aftermath> {
  let text = '';
  const done = new AbortController();
  const statusesOf = (): number[] =>
    [...text.replace(ESTABLISHED, '').matchAll(/HTTP\/1\.1 ([2-5]\d\d) /g)].map(([, status]) =>
      Number(status),
    );
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
