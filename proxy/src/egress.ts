import type { LookupFunction, Socket } from 'node:net';
import { networkInterfaces } from 'node:os';
import { classifyAddress, createAddressGuard } from '@pannier/runtime';
import { ProxyError } from './errors.ts';
import { remembered } from './text-memory.ts';

/** Where connections may go. What an app in this pod could reach by itself it may reach through us, with two exceptions. */
export interface Egress {
  /**
   * Refuses a target by what is written: metadata services by name or address, and our own ports.
   * @throws ProxyError `forbidden-target`
   */
  check(hostname: string, port: number): void;
  /** Resolves for `net.connect` and leaves out metadata addresses, so that what was checked is what is connected to. */
  readonly lookup: LookupFunction;
  /** For a socket that is connected: refuses one that a name or a redirect of the network led back to us. */
  isOwn(socket: Socket): boolean;
}

/** Everything but metadata: a sidecar that refused its own pod's neighbours would break what worked without it. */
const ALLOWED = ['loopback', 'link-local', 'private'];

/**
 * @param ownPorts ports on this machine at which Pannier itself listens; read at each check, since port 0 is known only later
 */
export function createEgress(ownPorts: () => ReadonlySet<number>): Egress {
  const guard = createAddressGuard(ALLOWED);
  const isRefused = remembered((host) => guard.refusal(host) !== undefined);
  return {
    check: (hostname, port) => {
      const host = hostname.replace(/^\[(.*)\]$/, '$1');
      if (isRefused(host)) throw forbidden(`${hostname} is a cloud metadata service`);
      if (ownPorts().has(port) && isLocal(host)) throw ownAddress(hostname, port);
    },
    lookup: guard.lookup,
    isOwn: ({ remoteAddress, remotePort }) =>
      remoteAddress !== undefined &&
      remotePort !== undefined &&
      ownPorts().has(remotePort) &&
      isLocal(remoteAddress),
  };
}

/** The refusal of a target that is Pannier itself. */
export function ownAddress(hostname: string, port: number): ProxyError {
  return forbidden(`${hostname}:${port} is Pannier itself; to call it directly, name it in NO_PROXY`);
}

function forbidden(reason: string): ProxyError {
  return new ProxyError('forbidden-target', `refused: ${reason}`, {
    proxyError: 'destination_ip_prohibited',
  });
}

function isLocal(host: string): boolean {
  if (classifyAddress(host) === 'loopback') return true;
  const address = host.replace(/^::ffff:(?=\d+\.)/i, '');
  return Object.values(networkInterfaces()).some((group) =>
    group?.some((found) => found.address === address),
  );
}
