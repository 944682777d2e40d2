/** A real proxy before cache servers that do what a script says, and an upstream that answers ranges. */
import { createServer } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { startProxy } from '@pannier/proxy';
import { createLogger, loadConfig } from '@pannier/runtime';
import type { ConfigInput } from '@pannier/runtime';
import { startScriptedServer } from '../../client-sdk/src/transport/scripted-server.fixture.ts';
import type {
  ScriptedFrame,
  ScriptedServer,
  ScriptedStep,
  ServerScript,
} from '../../client-sdk/src/transport/scripted-server.fixture.ts';
import { listenOnLoopback } from '../fixture/loopback-port.ts';

/** A running stack. */
export interface ScriptedStack extends AsyncDisposable {
  readonly servers: readonly ScriptedServer[];
  readonly upstreamUrl: string;
  readonly proxyUrl: string;
}

/** Starts a server for each script, and a proxy that knows them all. */
export async function startScriptedStack(
  scripts: readonly ServerScript[],
  upstream: (request: IncomingMessage, response: ServerResponse) => void = (_, response) => response.end(),
  limits: ConfigInput['limits'] = {},
): Promise<ScriptedStack> {
  await using parts = new AsyncDisposableStack();
  const servers: ScriptedServer[] = [];
  for (const script of scripts) servers.push(await startScriptedServer(script));
  parts.defer(() => {
    for (const server of servers) server.kill();
  });
  const http = createServer(upstream);
  const upstreamUrl = `http://127.0.0.1:${await listenOnLoopback(http)}`;
  parts.defer(() => {
    http.closeAllConnections();
    http.close();
  });
  const config = loadConfig({
    env: {},
    overrides: {
      log: { level: 'error' },
      limits: { ackTimeoutMs: 10_000, heartbeatMs: 5_000, ...limits },
      upstreams: { mine: { url: upstreamUrl } },
      // A machine under load takes long, and these servers tell of no invalidation: what is known is trusted meanwhile.
      proxy: {
        port: 0,
        adminPort: 0,
        nearTrustMs: 60_000,
        nearEntryBytesMax: 1024,
        servers: servers.map(({ address }) => address),
      },
    },
  });
  const proxy = await startProxy({ config, logger: createLogger(config.log, 'test') });
  parts.defer(async () => await proxy.close(100));
  const owned = parts.move();
  return {
    servers,
    upstreamUrl,
    proxyUrl: `http://127.0.0.1:${proxy.port}`,
    [Symbol.asyncDispose]: async () => await owned.disposeAsync(),
  };
}

/** Frames of a response that is to be fetched; for all, unless `freshForMs` is 0. */
export function announced(
  version: string,
  { freshForMs = 60_000, etag }: { freshForMs?: number; etag?: string } = {},
): ScriptedFrame[] {
  const fields = etag === undefined ? [] : [{ name: Buffer.from('etag'), value: Buffer.from(etag) }];
  const entry = { outcome: 'miss', shareable: freshForMs > 0, freshForMs: BigInt(freshForMs), version };
  return [
    { case: 'head', value: { response: { status: 200, headers: fields }, entry } },
    { case: 'ticket', value: { ticket: { key: 'mine:original:x', version } } },
  ];
}

/** A part of a body. */
export function raw(bytes: string | Uint8Array): ScriptedStep {
  return { case: 'raw', value: { data: typeof bytes === 'string' ? Buffer.from(bytes) : bytes } };
}

/** The end of a body. */
export function complete(bodyBytes: number): ScriptedStep {
  return { case: 'complete', value: { bodyBytes: BigInt(bodyBytes) } };
}
