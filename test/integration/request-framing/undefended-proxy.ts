/** The proxy's forwarding without its port: Node's parser at its most lenient, and nobody who looks at what it lets through. */
import { createServer } from 'node:http';
import { loadConfig } from '@pannier/runtime';
import { readAsked } from '../../../proxy/src/asked-request.ts';
import { asTold, endWithFailure, openExchange } from '../../../proxy/src/client-exchange.ts';
import { createEgress } from '../../../proxy/src/egress.ts';
import { createReverseRoutes } from '../../../proxy/src/interception/reverse-route.ts';
import { createPassthrough } from '../../../proxy/src/passthrough.ts';
import { createUpstreamRoutes } from '../../../proxy/src/upstream-route.ts';
import { listenOnLoopback } from '../../fixture/loopback-port.ts';

/** @returns the port, and how to close it */
export async function startUndefendedProxy(): Promise<AsyncDisposable & { readonly port: number }> {
  const config = loadConfig({ env: {}, overrides: {} });
  const egress = createEgress(() => new Set());
  const pseudonym = 'undefended';
  const passthrough = createPassthrough({
    egress,
    pseudonym,
    headerBytesMax: 65_536,
    onHead: () => undefined,
  });
  const parts = {
    egress,
    pseudonym,
    upstreamRoutes: createUpstreamRoutes(config),
    reverseRoutes: createReverseRoutes({}),
    authorities: new WeakMap(),
  };
  const server = createServer({ insecureHTTPParser: true, requireHostHeader: false }, (request, response) => {
    const exchange = openExchange(request, response);
    const pass = async (): Promise<void> =>
      await passthrough.web(exchange, readAsked(request, parts), { fwd: 'bypass' });
    pass().catch((error: unknown) => endWithFailure(exchange, asTold(error)));
  });
  const port = await listenOnLoopback(server);
  return {
    port,
    [Symbol.asyncDispose]: async () => {
      passthrough.close();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
