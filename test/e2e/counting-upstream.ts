/** An upstream that knows how many requests it had under way at once, and answers as it is told. */
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { listenOnLoopback } from '../fixture/loopback-port.ts';

/** What the tests ask of it. */
export interface CountingUpstream extends AsyncDisposable {
  readonly url: string;
  /** When each request arrived, in milliseconds, by `performance.now()`. */
  readonly arrivals: readonly number[];
  /** Requests under way now: until the answer is sent, or the client is gone. */
  readonly underWay: number;
  /** The most that were ever under way at once. */
  readonly underWayMax: number;
  /** How many requests for a path have arrived. */
  asked(path: string): number;
  /** How it answers from now on. */
  answer: (request: IncomingMessage, response: ServerResponse) => void;
}

/** @param delayMs before each answer */
export async function startCountingUpstream({ delayMs = 0 } = {}): Promise<CountingUpstream> {
  const arrivals: number[] = [];
  const paths: string[] = [];
  const server = createServer((request, response) => {
    arrivals.push(performance.now());
    paths.push(request.url ?? '');
    counts.underWay += 1;
    counts.underWayMax = Math.max(counts.underWayMax, counts.underWay);
    response.once('close', () => (counts.underWay -= 1));
    void delay(delayMs).then(() => counts.answer(request, response));
  });
  const port = await listenOnLoopback(server);
  const counts = {
    url: `http://127.0.0.1:${port}`,
    arrivals,
    underWay: 0,
    underWayMax: 0,
    asked: (path: string) => paths.filter((other) => other === path).length,
    answer: (request: IncomingMessage, response: ServerResponse): void => {
      response.writeHead(200, { 'cache-control': 'max-age=60' }).end(`body of ${request.url}`);
    },
    [Symbol.asyncDispose]: async (): Promise<void> => {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
  return counts;
}
