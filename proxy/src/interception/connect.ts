import { once } from 'node:events';
import { STATUS_CODES } from 'node:http';
import type { IncomingMessage } from 'node:http';
import { connect as dial } from 'node:net';
import type { Socket } from 'node:net';
import { pipeline } from 'node:stream/promises';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { asTold, failureHead } from '../client-exchange.ts';
import { ownAddress } from '../egress.ts';
import type { Egress } from '../egress.ts';
import { ProxyError } from '../errors.ts';
import { upstreamFailure } from '../upstream-failure.ts';
import { judgeFirstBytes } from './first-bytes.ts';
import { checkedAuthority } from './forward.ts';

/** What became of a CONNECT. */
export const CONNECT_OUTCOMES = ['http', 'tunnel', 'refused', 'unreachable', 'client-left'] as const;
export type ConnectOutcome = (typeof CONNECT_OUTCOMES)[number];

/** What CONNECT needs of its surroundings. */
export interface ConnectParts {
  readonly egress: Egress;
  /** Takes over a connection that turned out to carry HTTP requests for that authority. */
  readonly adopt: (socket: Socket, authority: string) => void;
}

const limits = {
  dialTimeoutMs: 10_000,
  /** Protocols in which the server speaks first leave a client silent: after this long the tunnel opens without a look. */
  silenceMs: 200,
  keepAliveMs: 60_000,
  /** How long one direction may stay silent after the other has ended. */
  halfClosedIdleMs: 120_000,
};

/**
 * On these ports nobody speaks plain HTTP, so the target is dialled first and an unreachable one gets an honest 502. On any other
 * port the 200 has to come first: only then does the client show whether it wants HTTP, which may not need the target at all.
 */
const TLS_PORTS: ReadonlySet<number> = new Set([
  443, 465, 636, 853, 989, 990, 993, 995, 5061, 5671, 6443, 8443,
]);

interface Target {
  readonly authority: string;
  readonly hostname: string;
  readonly port: number;
}

/**
 * A CONNECT from its request to its end: refuse, dial or promise, look at the first bytes, then hand over HTTP or tunnel.
 * https://www.rfc-editor.org/rfc/rfc9110#section-9.3.6
 */
export async function handleConnect(
  request: IncomingMessage,
  client: Socket,
  { head, ...parts }: ConnectParts & { head: Buffer },
): Promise<ConnectOutcome> {
  client.on('error', () => client.destroy());
  if (head.length > 0) client.unshift(head);
  let upstream: Socket | undefined;
  let promised = false;
  try {
    const target = readTarget(request.url ?? '');
    parts.egress.check(target.hostname, target.port);
    if (TLS_PORTS.has(target.port)) upstream = await dialUpstream(target, parts.egress);
    else await refuseResolved(target, parts.egress);

    client.write('HTTP/1.1 200 Connection Established\r\n\r\n');
    promised = true;
    const seen = upstream === undefined ? await peek(client) : 'other';
    if (seen === 'http') {
      parts.adopt(client, target.authority);
      return 'http';
    }
    if (client.destroyed) return 'client-left';
    upstream ??= await dialUpstream(target, parts.egress);
    await tunnel(client, upstream);
    return 'tunnel';
  } catch (error) {
    upstream?.destroy();
    return promised ? breakTunnel(client, error) : refuse(client, error);
  }
}

function readTarget(authority: string): Target {
  checkedAuthority(authority);
  const port = /:(\d{1,5})$/.exec(authority)?.[1];
  if (port === undefined || Number(port) > 65_535)
    throw new ProxyError(
      'bad-request',
      `CONNECT needs a host and a port, not ${JSON.stringify(authority.slice(0, 100))}`,
    );
  const hostname = authority.slice(0, -port.length - 1).replace(/^\[(.*)\]$/, '$1');
  return { authority, hostname, port: Number(port) };
}

/** A forbidden address is refused while a status can still be written; any other trouble shows when, and if, we dial. */
async function refuseResolved({ hostname, port }: Target, egress: Egress): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<unknown>();
  egress.lookup(hostname, { all: true }, (error, found) => resolve(error ?? found));
  const found = await promise;
  if (found instanceof Error && 'code' in found && found.code === 'ADDRESS_REFUSED')
    throw upstreamFailure(found, hostname);
  if (Array.isArray(found)) {
    for (const { address } of found as { address: string }[]) egress.check(address, port);
  }
}

async function dialUpstream({ authority, hostname, port }: Target, egress: Egress): Promise<Socket> {
  const socket = dial({ host: hostname, port, lookup: egress.lookup, allowHalfOpen: true });
  try {
    await once(socket, 'connect', { signal: AbortSignal.timeout(limits.dialTimeoutMs) });
    if (egress.isOwn(socket)) throw ownAddress(hostname, port);
    return socket;
  } catch (error) {
    socket.on('error', () => undefined).destroy();
    if (error instanceof Error && error.name === 'AbortError')
      throw new ProxyError('upstream-timeout', `cannot reach ${authority}: the connection was not answered`, {
        cause: error,
        proxyError: 'connection_timeout',
      });
    throw upstreamFailure(error, authority);
  }
}

/** Looks at what the client sends first and puts it back. Silence, or an end, counts as not HTTP. */
async function peek(client: Socket): Promise<'http' | 'other'> {
  const silence = AbortSignal.timeout(limits.silenceMs);
  for (;;) {
    // A process that was stopped finds the time over before it finds what came in time.
    if (silence.aborted) await nextTurn();
    const bytes = client.read() as Buffer | null;
    if (bytes !== null) {
      client.unshift(bytes);
      const verdict = judgeFirstBytes(bytes);
      if (verdict !== 'undecided') return verdict;
    }
    // Silence, or a client that broke off: both are for the tunnel to find out.
    if (client.readableEnded || client.destroyed || silence.aborted) return 'other';
    await moreBytes(client, silence);
  }
}

/** `readable` fires again at once for bytes that were put back, so it is the arrival on the socket that is waited for. */
async function moreBytes(client: Socket, signal: AbortSignal): Promise<void> {
  const before = client.bytesRead;
  try {
    while (client.bytesRead === before) await once(client, 'readable', { signal });
  } catch (error) {
    if (!signal.aborted && !client.destroyed) throw error;
  }
}

/** Both directions byte for byte, each with its own backpressure and its own end. */
async function tunnel(client: Socket, upstream: Socket): Promise<void> {
  for (const socket of [client, upstream]) socket.setKeepAlive(true, limits.keepAliveMs).setNoDelay(true);
  const onHalfClosed = (): void => {
    for (const socket of [client, upstream]) {
      socket.setTimeout(limits.halfClosedIdleMs, () => socket.destroy());
    }
  };
  client.once('end', onHalfClosed);
  upstream.once('end', onHalfClosed);
  // A reset is passed on as one; the pipelines alone would end the other side as if everything had come.
  client.prependListener('error', () => upstream.resetAndDestroy());
  upstream.prependListener('error', () => client.resetAndDestroy());
  const done = await Promise.allSettled([pipeline(client, upstream), pipeline(upstream, client)]);
  if (done.some(({ status }) => status === 'rejected')) {
    client.destroy();
    upstream.destroy();
  }
}

function refuse(client: Socket, error: unknown): ConnectOutcome {
  const failure = asTold(error);
  const { status, headers, body } = failureHead(failure);
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  const reason = STATUS_CODES[status] ?? '';
  client.end(`HTTP/1.1 ${status} ${reason}\r\n${lines.join('')}connection: close\r\n\r\n${body}`);
  return outcomeOf(error);
}

/** After the 200 a status would be taken for the target's own bytes: only the end of the connection can still tell. */
function breakTunnel(client: Socket, error: unknown): ConnectOutcome {
  client.resetAndDestroy();
  return outcomeOf(error);
}

function outcomeOf(error: unknown): ConnectOutcome {
  if (!(error instanceof ProxyError)) return 'unreachable';
  return error.httpStatus < 500 ? 'refused' : 'unreachable';
}
