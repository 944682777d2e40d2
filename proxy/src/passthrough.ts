/**
 * Requests that the cache must not see, or that no cache server answers: to the upstream and back as they are, bodies streamed both
 * ways. http-proxy forwards; hop-by-hop fields and the head of the response are ours.
 */
import { Agent } from 'node:http';
import type { ClientRequest, IncomingMessage } from 'node:http';
import { Agent as TlsAgent } from 'node:https';
import type { Duplex } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { appendVia, withoutHopByHop } from '@pannier/http-semantics';
import type { CacheStatusParams } from '@pannier/http-semantics';
import { createProxyServer } from 'http-proxy';
import { breakOff } from './client-exchange.ts';
import type { ClientExchange } from './client-exchange.ts';
import { ownAddress } from './egress.ts';
import type { Egress } from './egress.ts';
import type { ProxiedRequest } from './proxied-request.ts';
import { clientHead, flatHead, headerPairs } from './response-head.ts';
import { upstreamFailure } from './upstream-failure.ts';
import type { UpstreamRoute } from './upstream-route.ts';

/** Settings of {@link createPassthrough}. */
export interface PassthroughOptions {
  readonly egress: Egress;
  /** What this instance calls itself in `Via`. */
  readonly pseudonym: string;
  readonly headerBytesMax: number;
}

/** Forwards requests. */
export interface Passthrough {
  /** Resolves when the response is complete; rejects with `ProxyError` when the upstream failed. */
  web(exchange: ClientExchange, asked: ProxiedRequest, params: CacheStatusParams): Promise<void>;
  /** Forwards an upgrade, such as a WebSocket's. */
  upgrade(request: IncomingMessage, socket: Duplex, options: { asked: ProxiedRequest; head: Buffer }): void;
  close(): void;
}

type Proxied = IncomingMessage & { asked?: ProxiedRequest };

function target({ protocol, authority, path }: UpstreamRoute): string {
  return `${protocol}//${authority}${path}`;
}

/** The request's own end-to-end headers instead of what http-proxy made of them. */
function setHead(outgoing: ClientRequest, { headers, httpVersion }: ProxiedRequest, pseudonym: string): void {
  const framing = ['content-length', 'transfer-encoding', 'connection', 'upgrade'];
  for (const name of outgoing.getHeaderNames()) if (!framing.includes(name)) outgoing.removeHeader(name);
  const values = new Map<string, [name: string, values: string[]]>();
  for (const [name, value] of appendVia(headers, pseudonym, httpVersion)) {
    const lower = name.toLowerCase();
    if (framing.includes(lower)) continue;
    const known = values.get(lower);
    if (known === undefined) values.set(lower, [name, [value]]);
    else known[1].push(value);
  }
  for (const [name, all] of values.values())
    outgoing.setHeader(name, all.length === 1 ? (all[0] ?? '') : all);
}

/** Makes a forwarder with connections of its own. */
export function createPassthrough({ egress, pseudonym, headerBytesMax }: PassthroughOptions): Passthrough {
  const agents = new Map<string, Agent>();
  const agentFor = ({ protocol, ca }: UpstreamRoute): Agent => {
    const name = `${protocol}${ca ?? ''}`;
    // A connection each: on one that is kept, an upload could be lost to an end that crossed it on the way.
    const options = { keepAlive: false, lookup: egress.lookup, maxHeaderSize: headerBytesMax };
    const agent =
      agents.get(name) ??
      (protocol === 'https:' ? new TlsAgent({ ...options, ...(ca && { ca }) }) : new Agent(options));
    agents.set(name, agent);
    return agent;
  };
  const proxy = createProxyServer({ ignorePath: true, selfHandleResponse: true, xfwd: false });
  const onRequest = (outgoing: ClientRequest, incoming: IncomingMessage): void => {
    const { asked } = incoming as Proxied;
    if (asked === undefined) return;
    setHead(outgoing, asked, pseudonym);
    outgoing.once('socket', (socket) => {
      socket.once('connect', () => {
        if (egress.isOwn(socket)) socket.destroy(ownAddress(asked.route.hostname, asked.route.port));
      });
    });
  };
  proxy.on('proxyReq', onRequest);
  proxy.on('proxyReqWs', onRequest);

  return {
    async web(exchange, asked, params) {
      const { request, response } = exchange;
      (request as Proxied).asked = asked;
      egress.check(asked.route.hostname, asked.route.port);
      const done = Promise.withResolvers<void>();
      const relay = (answer: IncomingMessage, incoming: IncomingMessage): void => {
        if (incoming !== request) return;
        proxy.off('proxyRes', relay);
        sendAnswer(exchange, answer, { params, pseudonym }).then(done.resolve, done.reject);
      };
      proxy.on('proxyRes', relay);
      proxy.web(request, response, { target: target(asked.route), agent: agentFor(asked.route) }, (error) => {
        done.reject(upstreamFailure(error, asked.route.authority));
      });
      exchange.left.addEventListener('abort', () => done.reject(exchange.left.reason), { once: true });
      try {
        await done.promise;
      } finally {
        proxy.off('proxyRes', relay);
      }
    },
    upgrade(request, socket, { asked, head }) {
      (request as Proxied).asked = asked;
      egress.check(asked.route.hostname, asked.route.port);
      socket.on('error', () => socket.destroy());
      proxy.ws(request, socket, head, { target: target(asked.route), agent: agentFor(asked.route) }, () =>
        socket.destroy(),
      );
    },
    close() {
      for (const agent of agents.values()) agent.destroy();
    },
  };
}

async function sendAnswer(
  { response }: ClientExchange,
  answer: IncomingMessage,
  { params, pseudonym }: { params: CacheStatusParams; pseudonym: string },
): Promise<void> {
  const status = answer.statusCode ?? 502;
  const headers = withoutHopByHop(headerPairs(answer.rawHeaders));
  response.writeHead(status, flatHead(clientHead(headers, pseudonym, { ...params, fwdStatus: status })));
  try {
    await pipeline(answer, response);
  } catch (error) {
    breakOff(response);
    throw error;
  }
}
