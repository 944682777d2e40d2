import { isIP } from 'node:net';

/** One entry of `allowPrivateAddresses`: a whole class, a range of addresses, or a host by name. */
export type AddressRule =
  | { readonly kind: 'class'; readonly class: 'loopback' | 'link-local' | 'private' }
  | {
      readonly kind: 'range';
      readonly network: string;
      readonly prefixBits: number;
      readonly family: 'ipv4' | 'ipv6';
    }
  | { readonly kind: 'name'; readonly name: string; readonly withSubdomains: boolean };

/** What {@link parseAddressRule} accepts, in words. */
export const addressRuleAllowed =
  'loopback, link-local, private, an IP address, a CIDR range such as 10.0.0.0/8, or a host name such as api.internal or *.svc.cluster.local';

const namePattern = /^(\*\.)?([a-z0-9_]([a-z0-9_-]*[a-z0-9_])?\.)*[a-z_]([a-z0-9_-]*[a-z0-9_])?$/;

/** @returns undefined when the text is none of {@link addressRuleAllowed} */
export function parseAddressRule(text: string): AddressRule | undefined {
  if (text === 'loopback' || text === 'link-local' || text === 'private')
    return { kind: 'class', class: text };
  return parseRange(text) ?? parseName(text.toLowerCase());
}

function parseRange(text: string): AddressRule | undefined {
  const [network = '', bits, ...rest] = text.split('/');
  const version = network.includes('%') ? 0 : isIP(network);
  if (version === 0 || rest.length > 0) return undefined;
  const widestBits = version === 4 ? 32 : 128;
  const prefixBits = bits === undefined ? widestBits : Number(bits);
  if (bits !== undefined && (!/^\d{1,3}$/.test(bits) || prefixBits > widestBits)) return undefined;
  return { kind: 'range', network, prefixBits, family: version === 4 ? 'ipv4' : 'ipv6' };
}

function parseName(text: string): AddressRule | undefined {
  if (!namePattern.test(text)) return undefined;
  const withSubdomains = text.startsWith('*.');
  return { kind: 'name', name: withSubdomains ? text.slice(2) : text, withSubdomains };
}
