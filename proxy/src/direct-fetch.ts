import type { Socket } from 'node:net';
import type { HeaderList } from '@pannier/http-semantics';
import { getHeader, withoutHopByHop } from '@pannier/http-semantics';
import { Agent, buildConnector } from 'undici';
import type { Dispatcher } from 'undici';
import { ownAddress } from './egress.ts';
import type { Egress } from './egress.ts';
import { flatHead, headerPairs } from './response-head.ts';
import { upstreamFailure } from './upstream-failure.ts';
import type { UpstreamRoute } from './upstream-route.ts';

/** The proxy's own GET to an upstream, for the fallback and for finishing a broken body. */
export interface DirectFetch {
  /**
   * Resolves with the head; `signal` ends the body too.
   * @throws ProxyError naming the upstream and what went wrong; the signal's reason when it was aborted
   */
  get(route: UpstreamRoute, headers: HeaderList, signal: AbortSignal): Promise<DirectResponse>;
  close(): Promise<void>;
}

/** A response straight from the upstream, hop-by-hop fields removed. */
export interface DirectResponse {
  readonly status: number;
  readonly statusText: string;
  readonly headers: HeaderList;
  /** Undefined while unknown. */
  readonly bodyBytes: number | undefined;
  /** Reads once. Ends normally only when the body is proved complete, or was closed in good order; throws `ProxyError` else. */
  readonly body: AsyncIterable<Uint8Array>;
  /** Gives up a body that will not be read to its end. */
  cancel(): void;
}

const limits = {
  connectTimeoutMs: 10_000,
  keepAliveMs: 10_000,
};

/** @param headBytesMax of a response's head */
export function createDirectFetch(egress: Egress, headBytesMax: number): DirectFetch {
  const agents = new Map<string | undefined, Agent>();
  const agentFor = (ca: string | undefined): Agent => {
    const agent = agents.get(ca) ?? createAgent(egress, ca, headBytesMax);
    agents.set(ca, agent);
    return agent;
  };
  return {
    get: async (route, headers, signal) => {
      try {
        const response = await agentFor(route.ca).request({
          origin: originOf(route),
          path: route.path,
          method: 'GET',
          headers: flatHead(headers),
          responseHeaders: 'raw',
          headersTimeout: route.headTimeoutMs,
          bodyTimeout: route.idleTimeoutMs,
          signal,
        });
        return toDirectResponse(response, route, signal);
      } catch (error) {
        signal.throwIfAborted();
        throw upstreamFailure(error, route.authority);
      }
    },
    close: async () => void (await Promise.all([...agents.values()].map((agent) => agent.destroy()))),
  };
}

function toDirectResponse(
  response: Dispatcher.ResponseData,
  route: UpstreamRoute,
  signal: AbortSignal,
): DirectResponse {
  // With `responseHeaders: 'raw'` this is the flat list, which undici's types do not know.
  const headers = withoutHopByHop(headerPairs(response.headers as unknown as string[]));
  const length = getHeader(headers, 'content-length');
  return {
    status: response.statusCode,
    statusText: response.statusText,
    headers,
    bodyBytes: length !== undefined && /^\d{1,15}$/.test(length) ? Number(length) : undefined,
    body: readBody(response.body, route, signal),
    cancel: () => void response.body.on('error', () => undefined).destroy(),
  };
}

async function* readBody(
  body: AsyncIterable<Uint8Array>,
  route: UpstreamRoute,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  try {
    yield* body;
  } catch (error) {
    signal.throwIfAborted();
    throw upstreamFailure(error, route.authority);
  }
}

function createAgent(egress: Egress, ca: string | undefined, headBytesMax: number): Agent {
  const connect = buildConnector({
    ...(ca === undefined ? {} : { ca }),
    allowH2: false,
    timeout: limits.connectTimeoutMs,
    lookup: egress.lookup,
  });
  return new Agent({
    maxHeaderSize: headBytesMax,
    keepAliveTimeout: limits.keepAliveMs,
    connect: (options, callback) => {
      connect(options, (...[error, socket]) => {
        if (error !== null) return callback(error, null);
        if (egress.isOwn(socket)) {
          socket.destroy();
          return callback(ownAddress(options.hostname, Number(options.port)), null);
        }
        callback(null, distinguishReset(socket));
      });
    },
  });
}

/**
 * undici takes the reset of a connection for the end of a body that has no other end, and so reports a cut body as whole. This
 * listener comes before undici's and gives the error a name for which undici makes no such exception.
 */
function distinguishReset<S extends Socket>(socket: S): S {
  return socket.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'ECONNRESET') error.code = 'ECONNRESET_BY_UPSTREAM';
  });
}

function originOf({ protocol, hostname, port }: UpstreamRoute): string {
  return `${protocol}//${hostname.includes(':') ? `[${hostname}]` : hostname}:${port}`;
}
