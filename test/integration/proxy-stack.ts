/** Upstream, cache server and proxy in one process, for what needs no process of its own. */
import { startCacheServer } from '@pannier/cache-server';
import { startUpstream } from '@pannier/example-upstream';
import type { Upstream, UpstreamOptions } from '@pannier/example-upstream';
import { startProxy } from '@pannier/proxy';
import { createLogger, loadConfig } from '@pannier/runtime';
import type { ConfigInput } from '@pannier/runtime';

/** A running stack. */
export interface ProxyStack extends AsyncDisposable {
  readonly upstream: Upstream;
  readonly proxyUrl: string;
  readonly proxyPort: number;
  readonly proxyAdminUrl: string;
  readonly serverPort: number;
}

/** Starts a stack; `config` is made from the upstream's URL. */
export async function startStack(
  config: (upstreamUrl: string) => ConfigInput = (url) => ({ upstreams: { demo: { url } } }),
  options: UpstreamOptions = {},
): Promise<ProxyStack> {
  const parts = new AsyncDisposableStack();
  const upstream = await startUpstream(options);
  parts.defer(async () => await upstream.close());
  const input = config(upstream.url);
  const loaded = loadConfig({
    env: {},
    overrides: {
      log: { level: 'error' },
      ...input,
      server: { port: 0, adminPort: 0, ...input.server },
      proxy: { port: 0, adminPort: 0, ...input.proxy },
    },
  });
  const logger = createLogger(loaded.log, 'test');
  const server = await startCacheServer({ config: loaded, logger });
  parts.defer(async () => await server.close(100));
  const servers = [`127.0.0.1:${server.port}`];
  const proxy = await startProxy({ config: { ...loaded, proxy: { ...loaded.proxy, servers } }, logger });
  parts.defer(async () => await proxy.close(100));
  return {
    upstream,
    proxyUrl: `http://127.0.0.1:${proxy.port}`,
    proxyPort: proxy.port,
    proxyAdminUrl: `http://127.0.0.1:${proxy.adminPort}`,
    serverPort: server.port,
    [Symbol.asyncDispose]: async () => await parts.disposeAsync(),
  };
}
