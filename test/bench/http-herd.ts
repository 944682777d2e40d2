/** HTTP clients, each with a connection of its own. */
import { once } from 'node:events';
import { request } from 'node:http';
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { ComparedBody } from './compared-body.ts';
import { doorOf } from './herd-order.ts';
import type { Herd, HerdOrder, HerdWait } from './herd-order.ts';

/** Connections under way at once; more would overflow the queue that a listening port has for them. */
const CONNECTING_MAX = 100;

async function connectTo(door: string): Promise<Socket> {
  const { hostname, port } = new URL(door);
  const socket = connect(Number(port), hostname);
  await once(socket, 'connect');
  // One that is closed before its request fails there, and not here.
  socket.on('error', () => undefined);
  return socket;
}

async function ask(socket: Socket, { url, manner, deadlineMs }: HerdOrder, body: Buffer): Promise<HerdWait> {
  const { host, pathname, search } = new URL(url);
  if (socket.destroyed) throw new Error('the connection was closed before the request');
  const startedMs = performance.now();
  const sent = request({
    createConnection: () => socket,
    path: manner === 'forward' ? url : `${pathname}${search}`,
    headers: { host },
    signal: AbortSignal.timeout(deadlineMs),
  });
  sent.end();
  // By events: an iterator for each of thousands of bodies would cost more than the bodies.
  return await new Promise((resolve, reject) => {
    sent.on('error', reject);
    sent.once('response', (response) => {
      const headMs = performance.now() - startedMs;
      const compared = new ComparedBody(body);
      if (response.statusCode !== 200) reject(new Error(`status ${response.statusCode}`));
      response.on('data', (chunk: Buffer) => compared.take(chunk));
      response.on('error', reject);
      response.once('end', () => {
        const wrong = compared.wrong();
        if (wrong === undefined) resolve({ headMs, wholeMs: performance.now() - startedMs });
        else reject(new Error(wrong));
      });
    });
  });
}

/** Connects all of them. */
export async function connectHttp(order: HerdOrder): Promise<Herd> {
  const sockets: Socket[] = [];
  for (let done = 0; done < order.clients; done += CONNECTING_MAX) {
    const batch = Array.from({ length: Math.min(CONNECTING_MAX, order.clients - done) }, async (_, index) => {
      return await connectTo(order.doors[doorOf(order, done + index)] ?? '');
    });
    sockets.push(...(await Promise.all(batch)));
  }
  return {
    clients: sockets.map((socket) => async (body: Buffer) => await ask(socket, order, body)),
    [Symbol.dispose]: () => {
      for (const socket of sockets) socket.destroy();
    },
  };
}
