import { PannierError } from '../errors.ts';
import type { TransportEvent, TransportOptions } from './transport.ts';

/** The options of a transport with their defaults in place. */
export type TransportSettings = Required<Omit<TransportOptions, 'identity'>> & { readonly identity: string };

/** @throws PannierError `bad-request` for an identity that cannot be sent */
export function transportSettings(options: TransportOptions): TransportSettings {
  const { identity = '', ackTimeoutMs = 250 } = options;
  if (!/^[\x20-\x7e]{0,256}$/.test(identity)) {
    throw new PannierError('bad-request', 'identity: at most 256 printable ASCII characters');
  }
  return {
    servers: options.servers,
    identity,
    ackTimeoutMs,
    silenceMs: options.silenceMs ?? 3_000,
    // A lookup that needs a connection first is not to wait for less than one that has it.
    connectTimeoutMs: options.connectTimeoutMs ?? Math.max(1_000, ackTimeoutMs),
    lookupsPerStreamMax: options.lookupsPerStreamMax ?? 16_384,
    flowControlWindowBytes: options.flowControlWindowBytes ?? 1024 * 1024,
    messageBytesMax: options.messageBytesMax ?? 20 * 1024 * 1024,
    onEvent: options.onEvent ?? ((_event: TransportEvent) => undefined),
  };
}
