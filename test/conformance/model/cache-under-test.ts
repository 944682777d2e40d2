/** Origin, cache server and proxy in one process, over real sockets, on one clock that only the steps move. */
import { Agent, request } from 'node:http';
import type { IncomingMessage } from 'node:http';
import { setImmediate as turn } from 'node:timers/promises';
import { startCacheServer } from '@pannier/cache-server';
import { createTransport, invalidateUrls } from '@pannier/client/transport';
import { startProxy } from '@pannier/proxy';
import { createLogger, loadConfig } from '@pannier/runtime';
import type { SeenResponse } from './observation.ts';
import { startScriptedOrigin } from './scripted-origin.ts';
import type { ScriptedOrigin, SteppedClock } from './scripted-origin.ts';
import { HEARS_ALL } from './wire-head.ts';
import type { Deafness, Lines } from './wire-head.ts';

/** A running cache; it serves many sequences, each under URLs of its own. */
export interface CacheUnderTest extends AsyncDisposable {
  readonly clock: SteppedClock;
  readonly origin: ScriptedOrigin;
  readonly deaf: Deafness;
  /** A name that no sequence had before. */
  freshName(): string;
  /** Sends a request through the proxy and waits until the cache is at rest. */
  ask(method: string, path: string, lines: Lines): Promise<SeenResponse | 'broken'>;
  purge(path: string): Promise<void>;
}

/** Only how long a request may hang before the run fails. */
const PATIENCE_MS = 30_000;
const BEGIN_MS = Date.UTC(2030, 0, 1);

/** @param deaf words that the cache is kept from hearing */
export async function startCacheUnderTest(deaf: Deafness = HEARS_ALL): Promise<CacheUnderTest> {
  const parts = new AsyncDisposableStack();
  const clock: SteppedClock = { now: BEGIN_MS };
  const origin = parts.use(await startScriptedOrigin(clock, deaf));
  const config = loadConfig({
    env: {},
    overrides: {
      log: { level: 'fatal' },
      upstreams: {
        // Here parts stay parts, there the whole is fetched behind them.
        plain: { url: `${origin.url}/plain`, rangeFillBytesMax: 0 },
        open: { url: `${origin.url}/open`, forwardHeaders: ['*'], credentials: 'rfc' },
      },
      server: { port: 0, adminPort: 0 },
      proxy: { port: 0, adminPort: 0 },
      // A busy machine is no dead cache server.
      limits: { ackTimeoutMs: '30s', heartbeatMs: '30s' },
    },
  });
  const logger = createLogger(config.log, 'test');
  const after = (delayMs: number, run: () => void): (() => void) => {
    const timer = setTimeout(run, delayMs).unref();
    return () => clearTimeout(timer);
  };
  const server = await startCacheServer({ config, logger, clock: { now: () => clock.now, after } });
  parts.defer(async () => await server.close(100));
  const servers = [`127.0.0.1:${server.port}`];
  const proxy = await startProxy({
    config: { ...config, proxy: { ...config.proxy, servers } },
    logger,
    now: () => clock.now,
  });
  parts.defer(async () => await proxy.close(100));
  const transport = createTransport({ servers });
  parts.defer(() => transport.close());
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  parts.defer(() => agent.destroy());
  let names = 0;
  return {
    clock,
    origin,
    deaf,
    freshName: () => `${(names += 1)}`,
    async ask(method, path, lines) {
      const response = await exchange(method, `${origin.url}${path}`, { agent, port: proxy.port, lines });
      while (server.flights() > 0) await turn();
      return response;
    },
    async purge(path) {
      await invalidateUrls(transport, [`${origin.url}${path}`]);
    },
    [Symbol.asyncDispose]: async () => await parts.disposeAsync(),
  };
}

async function exchange(
  method: string,
  url: string,
  { agent, port, lines }: { agent: Agent; port: number; lines: Lines },
): Promise<SeenResponse | 'broken'> {
  const head = [
    ...lines.flat(),
    'host',
    new URL(url).host,
    ...(method === 'GET' || method === 'HEAD' ? [] : ['content-length', '0']),
  ];
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage | 'broken'>();
  const options = {
    agent,
    host: '127.0.0.1',
    port,
    method,
    path: url,
    headers: head,
    signal: AbortSignal.timeout(PATIENCE_MS),
  };
  const sent = request(options, resolve);
  sent.once('error', (error) => (error.name === 'AbortError' ? reject(error) : resolve('broken')));
  sent.end();
  const answer = await promise;
  if (answer === 'broken') return 'broken';
  try {
    const chunks: Buffer[] = [];
    for await (const chunk of answer) chunks.push(chunk as Buffer);
    const body = Buffer.concat(chunks).toString();
    return { status: answer.statusCode ?? 0, fields: fieldsOf(answer), body };
  } catch (error) {
    if (error instanceof Error && error.name === 'AbortError') throw error;
    return 'broken';
  }
}

function fieldsOf({ rawHeaders }: IncomingMessage): Record<string, string> {
  const fields: Record<string, string> = {};
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = (rawHeaders[i] ?? '').toLowerCase();
    const value = rawHeaders[i + 1] ?? '';
    fields[name] = fields[name] === undefined ? value : `${fields[name]}, ${value}`;
  }
  return fields;
}
