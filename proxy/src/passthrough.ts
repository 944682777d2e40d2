/**
 * Requests that the cache must not see, or that no cache server answers: to the upstream and back as they are, bodies streamed both
 * ways. http-proxy forwards; the heads are ours, and so is what a client sees of a transfer that breaks.
 */
import { Agent } from 'node:http';
import type { ClientRequest, IncomingMessage } from 'node:http';
import { Agent as TlsAgent } from 'node:https';
import type { Socket } from 'node:net';
import { pipeline } from 'node:stream/promises';
import { appendVia, withoutHeaders, withoutHopByHop } from '@pannier/http-semantics';
import type { CacheStatusParams } from '@pannier/http-semantics';
import { createProxyServer } from 'http-proxy';
import { breakOff, breakOffWith } from './client-exchange.ts';
import type { ClientExchange } from './client-exchange.ts';
import { ownAddress } from './egress.ts';
import type { Egress } from './egress.ts';
import { ProxyError } from './errors.ts';
import { relayInterim } from './interim-responses.ts';
import type { Invalidate } from './invalidation.ts';
import { setOutgoingHead } from './outgoing-head.ts';
import type { ProxiedRequest } from './proxied-request.ts';
import { clientHead, flatHead, headerPairs } from './response-head.ts';
import { relayUpgrade } from './upgrade-relay.ts';
import type { UpgradeRequest } from './upgrade-relay.ts';
import { answerFault } from './framing/response-framing.ts';
import { announcedTrailers, askForTrailers, sendWithTrailers, wantsTrailers } from './response-trailers.ts';
import { upstreamFailure } from './upstream-failure.ts';
import type { UpstreamRoute } from './upstream-route.ts';

const CONTENT_LENGTH: ReadonlySet<string> = new Set(['content-length']);

/** Settings of {@link createPassthrough}. */
export interface PassthroughOptions {
  readonly egress: Egress;
  /** What this instance calls itself in `Via`. */
  readonly pseudonym: string;
  readonly headerBytesMax: number;
  /** Told of the head of a response before it is sent on; waits as long as it must. */
  readonly onHead: Invalidate;
}

/** Forwards requests. */
export interface Passthrough {
  /** Resolves when the response is complete; rejects with `ProxyError` when the upstream failed. */
  web(exchange: ClientExchange, asked: ProxiedRequest, params: CacheStatusParams): Promise<void>;
  /** Forwards a WebSocket's upgrade; whatever goes wrong is told on the socket, and to `onFailure`. */
  upgrade(upgrade: UpgradeRequest, onFailure: (error: ProxyError) => void): void;
  close(): void;
}

/** What becomes of a request's way to its upstream. */
interface Forwarding {
  readonly asked: ProxiedRequest;
  /** The head of an answer that can be passed on has come. */
  readonly isAnswered: boolean;
  onOutgoing(outgoing: ClientRequest): void;
  onAnswer(answer: IncomingMessage): void;
}

/** Where a connection leads. Path and query go their own way: http-proxy would write them as a URL parser understands them. */
function target({ protocol, authority }: UpstreamRoute): string {
  return `${protocol}//${authority}/`;
}

/** Makes a forwarder with connections of its own. */
export function createPassthrough(options: PassthroughOptions): Passthrough {
  const { egress, pseudonym, headerBytesMax, onHead } = options;
  const agents = new Map<string, Agent>();
  const agentFor = (route: UpstreamRoute): Agent => agentOf(route, agents, { egress, headerBytesMax });
  const forwardings = new WeakMap<IncomingMessage, Forwarding>();
  const proxy = createProxyServer({ ignorePath: true, selfHandleResponse: true, xfwd: false });
  const onRequest = (outgoing: ClientRequest, incoming: IncomingMessage): void => {
    const forwarding = forwardings.get(incoming);
    if (forwarding === undefined) return;
    const { headers, httpVersion, route } = forwarding.asked;
    // Byte for byte, since it may be signed: https://www.rfc-editor.org/rfc/rfc9110#section-7.7
    outgoing.path = route.path;
    setOutgoingHead(outgoing, incoming, appendVia(headers, pseudonym, httpVersion));
    const guard = (socket: Socket): void => {
      socket.once('connect', () => {
        if (egress.isOwn(socket)) socket.destroy(ownAddress(route.hostname, route.port));
      });
    };
    if (outgoing.socket === null) outgoing.once('socket', guard);
    else guard(outgoing.socket);
    forwarding.onOutgoing(outgoing);
  };
  proxy.on('proxyReq', onRequest);
  proxy.on('proxyReqWs', onRequest);
  // A client of an upgrade that resets its connection: nobody is left to be told, and without a listener it would end the process.
  proxy.on('error', () => undefined);
  proxy.on('proxyRes', (answer: IncomingMessage, incoming: IncomingMessage) => {
    forwardings.get(incoming)?.onAnswer(answer);
  });

  return {
    async web(exchange, asked, params) {
      const { request, response, left } = exchange;
      const { route } = asked;
      egress.check(route.hostname, route.port);
      // http-proxy keeps its hands off the head of a request with Expect; Node has answered it with 100 already.
      delete request.headers.expect;
      const done = Promise.withResolvers<void>();
      left.addEventListener('abort', () => done.reject(left.reason), { once: true });
      const forwarding = followAnswer(exchange, { asked, params, pseudonym, onHead }, done);
      forwardings.set(request, forwarding);
      proxy.web(request, response, { target: target(route), agent: agentFor(route) }, (error) => {
        // Once there is an answer it breaks by itself if it has to; bytes behind its end are nobody's.
        if (!forwarding.isAnswered) done.reject(upstreamFailure(error, route.authority));
      });
      await done.promise;
    },
    upgrade(upgrade, onFailure) {
      const { request, asked, socket, head } = upgrade;
      egress.check(asked.route.hostname, asked.route.port);
      const relay = relayUpgrade(upgrade, { pseudonym, onFailure });
      forwardings.set(request, {
        asked,
        isAnswered: false,
        onOutgoing: (outgoing) => relay.onOutgoing(outgoing),
        onAnswer: () => undefined,
      });
      const options = { target: target(asked.route), agent: agentFor(asked.route) };
      proxy.ws(request, socket, head, options, (error) => relay.onError(error));
    },
    close() {
      for (const agent of agents.values()) agent.destroy();
    },
  };
}

/** What an answer is sent on with. */
interface Sending {
  readonly asked: ProxiedRequest;
  readonly params: CacheStatusParams;
  readonly pseudonym: string;
  readonly onHead: Invalidate;
}

/** Sees one request through, from its way out to the end of its answer. */
function followAnswer(
  exchange: ClientExchange,
  sending: Sending,
  done: PromiseWithResolvers<void>,
): Forwarding {
  const { asked } = sending;
  const { route } = asked;
  let outgoing: ClientRequest | undefined;
  let isAnswered = false;
  return {
    asked,
    get isAnswered() {
      return isAnswered;
    },
    onOutgoing: (made) => {
      outgoing = made;
      awaitHead(made, exchange.request, route);
      relayInterim(made, exchange, sending.pseudonym);
      if (wantsTrailers(exchange.request)) askForTrailers(made);
      // A 101 that nobody asked for: without a listener Node ends the connection, and says nothing.
      made.once('upgrade', (_answer, socket) => {
        socket.destroy();
        done.reject(improper(route, 'its status is 101'));
      });
    },
    onAnswer: (answer) => {
      const fault = answerFault(answer, route.closeDelimited);
      if (fault !== undefined) {
        outgoing?.destroy();
        done.reject(improper(route, fault));
        return;
      }
      isAnswered = true;
      if (outgoing !== undefined) watchAnswer(answer, outgoing, route);
      sendAnswer(exchange, answer, sending).then(done.resolve, done.reject);
    },
  };
}

function agentOf(
  { protocol, ca }: UpstreamRoute,
  agents: Map<string, Agent>,
  { egress, headerBytesMax }: Pick<PassthroughOptions, 'egress' | 'headerBytesMax'>,
): Agent {
  const name = `${protocol}${ca ?? ''}`;
  // A connection each: on one that is kept, an upload could be lost to an end that crossed it on the way.
  const options = { keepAlive: false, lookup: egress.lookup, maxHeaderSize: headerBytesMax };
  const agent =
    agents.get(name) ??
    (protocol === 'https:' ? new TlsAgent({ ...options, ...(ca && { ca }) }) : new Agent(options));
  agents.set(name, agent);
  return agent;
}

/** The head of the answer may take as long as the upstream's settings say, counted from the end of the request's body. */
function awaitHead(
  outgoing: ClientRequest,
  request: IncomingMessage,
  { headTimeoutMs, authority }: UpstreamRoute,
): void {
  if (headTimeoutMs === 0) return;
  const begin = (): void => {
    const timer = setTimeout(() => outgoing.destroy(timedOut(authority, 'no response')), headTimeoutMs);
    const stop = (): void => clearTimeout(timer);
    outgoing.once('response', stop).once('close', stop);
  };
  if (request.readableEnded) begin();
  else request.once('end', begin);
}

/**
 * Node takes the reset of a connection for the end of a body that has no other end. This listener comes before Node's own, so that
 * such a body breaks.
 */
function watchAnswer(
  answer: IncomingMessage,
  outgoing: ClientRequest,
  { idleTimeoutMs, authority }: UpstreamRoute,
): void {
  const { socket } = outgoing;
  if (socket === null) return;
  socket.prependListener('error', (error) => {
    if (!answer.complete) answer.destroy(error);
  });
  if (idleTimeoutMs > 0)
    socket.setTimeout(idleTimeoutMs, () => answer.destroy(timedOut(authority, 'the body stopped arriving')));
}

function improper({ authority }: UpstreamRoute, what: string): ProxyError {
  return new ProxyError('upstream-protocol', `${authority} does not speak HTTP/1.1 properly: ${what}`, {
    proxyError: 'http_protocol_error',
  });
}

function timedOut(authority: string, what: string): ProxyError {
  return new ProxyError('upstream-timeout', `cannot reach ${authority}: ${what} in time`, {
    proxyError: 'http_response_timeout',
  });
}

async function sendAnswer(
  { request, response }: ClientExchange,
  answer: IncomingMessage,
  { asked, params, pseudonym, onHead }: Sending,
): Promise<void> {
  const status = answer.statusCode ?? 502;
  const all = withoutHopByHop(headerPairs(answer.rawHeaders));
  // https://www.rfc-editor.org/rfc/rfc9110#section-8.6
  const headers = status === 204 ? withoutHeaders(all, CONTENT_LENGTH) : all;
  const held = onHead(asked, { status, headers });
  if (held !== undefined) await held;
  const head = clientHead(headers, pseudonym, { ...params, fwdStatus: status });
  // Only then there is a place for trailers: https://www.rfc-editor.org/rfc/rfc9112#section-7.1.2
  const inChunks = answer.headers['transfer-encoding'] !== undefined && bodyIsSent(asked.method, status);
  const isTrailed = inChunks && wantsTrailers(request);
  response.writeHead(status, flatHead(isTrailed ? [...head, ...announcedTrailers(answer)] : head));
  breakOffWith(answer, response);
  try {
    await (isTrailed ? sendWithTrailers(answer, response) : pipeline(answer, response));
  } catch (error) {
    breakOff(response);
    throw error;
  }
}

/** https://www.rfc-editor.org/rfc/rfc9110#section-6.4.1 */
function bodyIsSent(method: string, status: number): boolean {
  return method !== 'HEAD' && status !== 204 && status !== 304;
}
