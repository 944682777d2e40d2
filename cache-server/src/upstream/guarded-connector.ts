/**
 * How connections to upstreams are made: only to addresses that are allowed. The address that is judged is the one that is
 * connected to, so that a name which resolves differently the second time (DNS rebinding) changes nothing.
 */
import type { AddressGuard } from '@pannier/runtime';
import type { Socket } from 'node:net';
import { buildConnector } from 'undici';
import { forbiddenTarget } from './network-error.ts';

/** A place where Pannier itself listens. */
export interface OwnAddress {
  readonly host: string;
  readonly port: number;
}

/** Settings of {@link guardedConnector}. */
export interface ConnectorOptions {
  readonly guard: AddressGuard;
  readonly ownAddresses: readonly OwnAddress[];
  /** Certificate authorities instead of the public ones, as PEM. */
  readonly ca?: string | undefined;
  readonly connectTimeoutMs: number;
}

/** A connector for undici. Certificates are always verified against the name in the URL; HTTP/1.1 only. */
export function guardedConnector(options: ConnectorOptions): buildConnector.connector {
  const { guard, ownAddresses, ca, connectTimeoutMs } = options;
  const connect = buildConnector({
    // undici's types take the options of an IPC connection for granted, which has no lookup.
    ...({ lookup: guard.lookup } as object),
    ...(ca === undefined ? {} : { ca }),
    rejectUnauthorized: true,
    allowH2: false,
    timeout: connectTimeoutMs,
  });
  return (target, callback) => {
    const refused = guard.refusal(target.hostname);
    if (refused !== undefined) {
      callback(forbiddenTarget(`${target.hostname} is a ${refused} address`), null);
      return;
    }
    connect(target, (...[error, socket]) => {
      if (error !== null) callback(error, null);
      else if (isOwnSocket(socket, ownAddresses)) {
        socket.destroy();
        callback(forbiddenTarget(`${target.hostname}:${target.port} leads to Pannier itself`), null);
      } else callback(null, distinguishReset(socket));
    });
  };
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

/** Whether the host and port of a URL name one of our own addresses as they stand, before anything is resolved. */
export function isOwnUrl(url: URL, ownAddresses: readonly OwnAddress[]): boolean {
  const port = Number(url.port) || (url.protocol === 'https:' ? 443 : 80);
  return ownAddresses.some((own) => own.port === port && own.host === bare(url.hostname));
}

/** Also true when we listen on every address and the connection came back to this machine. */
function isOwnSocket(socket: Socket, ownAddresses: readonly OwnAddress[]): boolean {
  const address = bare(socket.remoteAddress ?? '');
  const toItself = address === bare(socket.localAddress ?? '');
  return ownAddresses.some(
    ({ host, port }) => port === socket.remotePort && (bare(host) === address || (isAny(host) && toItself)),
  );
}

function isAny(host: string): boolean {
  return host === '0.0.0.0' || bare(host) === '::';
}

function bare(host: string): string {
  return host.replace(/^\[(.*)\]$/, '$1').replace(/^::ffff:(?=\d+\.)/, '');
}
