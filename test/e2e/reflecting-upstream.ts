/** An upstream that shows in its answer whatever it was told, as careless applications do: the worst that a cache can stand before. */
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import { listenOnLoopback } from '../fixture/loopback-port.ts';

/** What the tests ask of it. */
export interface ReflectingUpstream extends AsyncDisposable {
  readonly url: string;
  /** How many requests whose target begins so have arrived. */
  asked(prefix: string): number;
  /** How a path is answered from now on; without it by {@link reflect} and a lifetime of a minute. */
  answer(path: string, how: Answer): void;
}

/** @param count how many requests for that path have arrived, this one included */
export type Answer = (request: IncomingMessage, response: ServerResponse, count: number) => void;

/** Longest request head, in bytes; a longer one is answered 431, with a lifetime. */
const HEAD_BYTES_MAX = 8 * 1024;
const COMPLAINT = 'the head is too large\n';

/** Everything about a request that a page might show. */
export function reflect({ method, url, rawHeaders }: IncomingMessage): string {
  // Ours to vary: who forwards, how its connection is kept, and how a body may be coded.
  const fields = rawHeaders.flatMap((name, at) =>
    at % 2 === 0 && !/^(?:via|connection|user-agent|accept-encoding)$/i.test(name)
      ? [`${name.toLowerCase()}: ${rawHeaders[at + 1] ?? ''}`]
      : [],
  );
  return [`${method} ${url}`, ...fields.toSorted(), ''].join('\n');
}

function refuse(error: NodeJS.ErrnoException, socket: Duplex): void {
  const status = error.code === 'HPE_HEADER_OVERFLOW' ? 431 : 400;
  socket.end(
    `HTTP/1.1 ${status} No\r\nCache-Control: max-age=60\r\nContent-Length: ${COMPLAINT.length}\r\n` +
      `Connection: close\r\n\r\n${COMPLAINT}`,
  );
}

/** @param delayMs before each answer, so that those who ask meanwhile share it */
export async function startReflectingUpstream({ delayMs = 0 } = {}): Promise<ReflectingUpstream> {
  const targets: string[] = [];
  const answers = new Map<string, Answer>();
  const server = createServer({ maxHeaderSize: HEAD_BYTES_MAX }, (request, response) => {
    const target = request.url ?? '';
    const [path = ''] = target.split('?', 1);
    targets.push(target);
    const count = targets.filter((other) => other === target).length;
    const how: Answer =
      answers.get(path) ??
      (() => response.writeHead(200, { 'cache-control': 'max-age=60' }).end(reflect(request)));
    void delay(delayMs).then(() => how(request, response, count));
  });
  server.on('clientError', refuse);
  const port = await listenOnLoopback(server);
  return {
    url: `http://127.0.0.1:${port}`,
    asked: (prefix) => targets.filter((target) => target.startsWith(prefix)).length,
    answer: (path, how) => void answers.set(path, how),
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}
