import { isIP } from 'node:net';

/** An address in the one spelling that everything here compares: dotted IPv4, or IPv6 as eight groups. */
export type IpAddress =
  | { readonly family: 'ipv4'; readonly text: string }
  | { readonly family: 'ipv6'; readonly text: string; readonly groups: readonly number[] };

/**
 * Reads a host as an IP address, in any spelling that an HTTP client would also read as one: brackets, a zone, `127.1`,
 * `0x7f000001`, `017700000001`, a trailing dot, full-width digits.
 * @returns undefined when the host is a name, or no host at all
 */
export function parseIpAddress(host: string): IpAddress | undefined {
  if (/[/?#@\\\s]/.test(host)) return undefined;
  const bare = host.replace(/^\[(.*)\]$/, '$1').replace(/%.*$/, '');
  // The WHATWG parser is the one that fetch, undici and `new URL` use: what it calls an address, they connect to.
  const hostname = URL.parse(`http://${bare.includes(':') ? `[${bare}]` : bare}/`)?.hostname.replace(
    /\.$/,
    '',
  );
  if (hostname === undefined) return undefined;
  if (isIP(hostname) === 4) return { family: 'ipv4', text: hostname };
  if (!hostname.startsWith('[')) return undefined;
  const text = hostname.slice(1, -1);
  return { family: 'ipv6', text, groups: expandGroups(text) };
}

/** The eight 16-bit groups of an IPv6 address in URL spelling, which never holds dotted IPv4 (RFC 5952 section 4). */
function expandGroups(text: string): number[] {
  const [head = '', tail] = text.split('::');
  const left = head === '' ? [] : head.split(':');
  const right = tail === undefined || tail === '' ? [] : tail.split(':');
  const zeros = Array.from({ length: tail === undefined ? 0 : 8 - left.length - right.length }, () => '0');
  return [...left, ...zeros, ...right].map((group) => Number.parseInt(group, 16));
}

/**
 * The IPv4 address that an IPv6 address stands for, where the kernel or a gateway would deliver it to IPv4. `net.BlockList`
 * sees through the first of these forms only.
 */
export function embeddedIpv4(address: IpAddress): IpAddress | undefined {
  if (address.family === 'ipv4') return undefined;
  const [a = 0, b = 0, c = 0, d = 0, e = 0, f = 0, g = 0, h = 0] = address.groups;
  const zeros = (...groups: number[]): boolean => groups.every((group) => group === 0);
  if (zeros(a, b, c, d, e) && f === 0xffff) return ipv4Of(g, h); // ::ffff:a.b.c.d, RFC 4291 section 2.5.5.2
  if (zeros(a, b, c, d, f) && e === 0xffff) return ipv4Of(g, h); // ::ffff:0:a.b.c.d, RFC 7915
  if (a === 0x64 && b === 0xff9b && zeros(c, d, e, f)) return ipv4Of(g, h); // NAT64, RFC 6052
  if (a === 0x64 && b === 0xff9b && c === 1) return ipv4Of(g, h); // local-use NAT64 cut at /96, RFC 8215
  if (a === 0x2002) return ipv4Of(b, c); // 6to4, RFC 3056
  if ((e === 0 || e === 0x200) && f === 0x5efe) return ipv4Of(g, h); // ISATAP, RFC 5214 section 6.1
  // ::a.b.c.d, RFC 4291 section 2.5.5.1; `::` and `::1` are addresses of their own.
  if (zeros(a, b, c, d, e, f) && g * 0x10000 + h > 1) return ipv4Of(g, h);
  return undefined;
}

function ipv4Of(high: number, low: number): IpAddress {
  return { family: 'ipv4', text: [high >> 8, high & 255, low >> 8, low & 255].join('.') };
}
