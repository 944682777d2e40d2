/** Many clients in one process, each with a connection of its own: all connect, then all ask for one URL in the same moment. */
import { readFileSync } from 'node:fs';
import { request } from 'node:http';
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { once } from 'node:events';

/** What the parent says first; the answer is `ready`. Upon `go` the clients ask. */
export interface HerdOrder {
  /** `http://host:port` of the doors, which the clients take by turns. */
  readonly doors: readonly string[];
  /** What they ask for; a forward proxy is asked for it in absolute form. */
  readonly url: string;
  readonly isForward: boolean;
  readonly clients: number;
  /** A file with the bytes that each shall get. */
  readonly bodyFile: string;
  /** How long one answer may take, in milliseconds. */
  readonly deadlineMs: number;
}

/** What the clients saw. */
export interface HerdReport {
  /** From the request to the last byte, of those that got all of it, in milliseconds. */
  readonly wholeMs: readonly number[];
  /** From the request to the head of the answer, of the same. */
  readonly headMs: readonly number[];
  /** Of the others: what went wrong, and how often. */
  readonly failures: Readonly<Record<string, number>>;
}

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

async function connectAll({ doors, clients }: HerdOrder): Promise<Socket[]> {
  const sockets: Socket[] = [];
  for (let done = 0; done < clients; done += CONNECTING_MAX) {
    const batch = Array.from({ length: Math.min(CONNECTING_MAX, clients - done) }, async (_, index) => {
      return await connectTo(doors[(done + index) % doors.length] ?? '');
    });
    sockets.push(...(await Promise.all(batch)));
  }
  return sockets;
}

/** One client: what it waited for the head and for the whole. */
async function ask(
  socket: Socket,
  order: HerdOrder,
  body: Buffer,
): Promise<[headMs: number, wholeMs: number]> {
  const { host, pathname, search } = new URL(order.url);
  if (socket.destroyed) throw new Error('the connection was closed before the request');
  const startedMs = performance.now();
  const sent = request({
    createConnection: () => socket,
    path: order.isForward ? order.url : `${pathname}${search}`,
    headers: { host },
    signal: AbortSignal.timeout(order.deadlineMs),
  });
  sent.end();
  return await new Promise((resolve, reject) => {
    sent.once('error', reject);
    sent.once('response', (response) => {
      const headMs = performance.now() - startedMs;
      let at = 0;
      let isSame = true;
      if (response.statusCode !== 200) reject(new Error(`status ${response.statusCode}`));
      response.on('data', (chunk: Buffer) => {
        isSame &&= body.compare(chunk, 0, chunk.length, at, at + chunk.length) === 0;
        at += chunk.length;
      });
      response.once('error', reject);
      response.once('end', () => {
        if (isSame && at === body.length) resolve([headMs, performance.now() - startedMs]);
        else reject(new Error(isSame ? 'a short body delivered as whole' : 'another body'));
      });
    });
  });
}

async function askAll(sockets: readonly Socket[], order: HerdOrder): Promise<HerdReport> {
  const body = readFileSync(order.bodyFile);
  const asked = await Promise.allSettled(sockets.map(async (socket) => await ask(socket, order, body)));
  const waits = asked.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
  const failures: Record<string, number> = {};
  for (const one of asked) {
    if (one.status === 'fulfilled') continue;
    const { code, message } = one.reason as NodeJS.ErrnoException;
    const name = code === 'ABORT_ERR' ? 'no answer in time' : (code ?? message);
    failures[name] = (failures[name] ?? 0) + 1;
  }
  return { headMs: waits.map(([head]) => head), wholeMs: waits.map(([, whole]) => whole), failures };
}

async function nextMessage<T>(): Promise<T> {
  return ((await once(process, 'message')) as [T])[0];
}

process.once('disconnect', () => process.exit());
for (;;) {
  const order = await nextMessage<HerdOrder>();
  const sockets = await connectAll(order);
  const go = nextMessage<'go'>();
  process.send?.('ready');
  await go;
  const report = await askAll(sockets, order);
  for (const socket of sockets) socket.destroy();
  process.send?.(report);
}
