import { once } from 'node:events';
import type { AddressInfo, Server } from 'node:net';
import { PortBusyError, RuntimeError } from './errors.ts';

/** Where to listen, and the flag that moves it elsewhere, such as `--port`. */
export interface ListenPlace {
  readonly host: string;
  /** 0 picks a free port. */
  readonly port: number;
  readonly flag: string;
}

/**
 * Listens, or says in one line why not.
 * @returns the address it listens on, with the port that was picked
 * @throws PortBusyError when another process holds the port; RuntimeError `ADDRESS_UNUSABLE` when the port needs privileges or
 * the host is not this machine's
 */
export async function listenOrExplain(server: Server, place: ListenPlace): Promise<AddressInfo> {
  try {
    server.listen({ host: place.host, port: place.port });
    await once(server, 'listening');
  } catch (error) {
    throw explainBusyPort(error, place);
  }
  const address = server.address();
  if (address === null || typeof address === 'string')
    throw new TypeError('listenOrExplain is for TCP servers');
  return address;
}

/**
 * Turns a failure to bind into one line that names the port and the flag; any other error comes back as it is. Works for
 * grpc-js as well, whose `bindAsync` error carries the system's message as text and no code.
 */
export function explainBusyPort(error: unknown, { host, port, flag }: ListenPlace): Error {
  const message = error instanceof Error ? error.message : String(error);
  const where = `port ${port} on ${host}`;
  const elsewhere = `choose another with ${flag}, or 0 for any free one`;
  if (message.includes('EADDRINUSE')) {
    return new PortBusyError(`${where} is busy: another process listens there; ${elsewhere}`, {
      cause: error,
    });
  }
  if (message.includes('EACCES')) {
    return new RuntimeError('ADDRESS_UNUSABLE', `${where} needs privileges; ${elsewhere}`, { cause: error });
  }
  if (/EADDRNOTAVAIL|ENOTFOUND|EAI_AGAIN/.test(message)) {
    return new RuntimeError(
      'ADDRESS_UNUSABLE',
      `cannot listen on ${host}: it is no address of this machine`,
      { cause: error },
    );
  }
  return error instanceof Error ? error : new Error(message, { cause: error });
}
