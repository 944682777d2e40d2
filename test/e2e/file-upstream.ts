/** An upstream whose files a test writes: bytes, headers and how often each was asked for. */
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { listenOnLoopback } from '../fixture/loopback-port.ts';

/** What one path answers. */
export type FileAnswer = (request: IncomingMessage, response: ServerResponse) => void;

/** A running upstream. */
export interface FileUpstream extends AsyncDisposable {
  readonly url: string;
  /** Requests answered in full, by path. */
  readonly counts: Map<string, number>;
  /** Sets what a path gives: a body, with an ETag and a short life, or an answer of its own. */
  put(path: string, body: string | Buffer | FileAnswer, type?: string): void;
}

/** Listens on a free port. Bodies are fresh for a second, or for as many as are given. */
export async function startFileUpstream({ freshS = 1 }: { freshS?: number } = {}): Promise<FileUpstream> {
  const files = new Map<string, FileAnswer>();
  const counts = new Map<string, number>();
  const server = createServer((request, response) => {
    const { pathname } = new URL(request.url ?? '', 'http://files');
    const answer = files.get(pathname);
    if (answer === undefined) response.writeHead(404).end();
    else answer(request, response);
  });
  const port = await listenOnLoopback(server);
  return {
    url: `http://127.0.0.1:${port}`,
    counts,
    put(path, body, type = 'application/json') {
      if (typeof body === 'function') return void files.set(path, body);
      const etag = `"${createHash('sha256').update(body).digest('hex').slice(0, 16)}"`;
      files.set(path, (request, response) => {
        const headers = { etag, 'cache-control': `max-age=${freshS}`, 'content-type': type };
        if (request.headers['if-none-match'] === etag) return void response.writeHead(304, headers).end();
        counts.set(path, (counts.get(path) ?? 0) + 1);
        response.writeHead(200, { ...headers, 'content-length': Buffer.byteLength(body) }).end(body);
      });
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}
