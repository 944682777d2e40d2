import { PannierError } from '../errors.ts';

/** Where servers are: one place, or every address behind a name. */
export type ServerAddress =
  | { readonly kind: 'place'; readonly server: string }
  | { readonly kind: 'name'; readonly name: string; readonly port: string };

const ADDRESS = /^(?<dns>dns:\/\/\/)?(?<host>[\w.-]+|\[[\da-fA-F:.]+\]):(?<port>\d{1,5})$/;

/**
 * Reads `host:port`, `[v6]:port` or `dns:///name:port`.
 *
 * @throws PannierError `bad-request` for anything else
 */
export function parseServerAddress(text: string): ServerAddress {
  const { dns, host, port } = ADDRESS.exec(text)?.groups ?? {};
  if (host === undefined || port === undefined || Number(port) < 1 || Number(port) > 65_535) {
    throw new PannierError('bad-request', `server "${text}": neither host:port nor dns:///name:port`);
  }
  return dns === undefined
    ? { kind: 'place', server: `${host}:${port}` }
    : { kind: 'name', name: host, port };
}

/** `host:port` of a resolved address. */
export function placeOf(address: string, port: string): string {
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
}
