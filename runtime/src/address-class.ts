import { BlockList } from 'node:net';
import { embeddedIpv4, parseIpAddress } from './ip-address.ts';
import type { IpAddress } from './ip-address.ts';

/**
 * Where a host leads: `metadata` is a cloud's credential service, `private` everything that is not globally reachable,
 * `name` a DNS name, which says nothing until it is resolved (then classify each address of it).
 */
export type AddressClass = 'metadata' | 'loopback' | 'link-local' | 'private' | 'public' | 'name';

const metadataNames = new Set([
  'metadata',
  'metadata.google.internal',
  'metadata.goog',
  'instance-data',
  'instance-data.ec2.internal',
  'metadata.tencentyun.com',
  'metadata.packet.net',
]);

/** First match wins. Cloud services first: they lie inside link-local, private and even public ranges. */
const ranges: readonly (readonly [AddressClass, BlockList])[] = [
  [
    'metadata',
    rangeList(
      '169.254.169.254/32', // AWS, Google, Azure, OpenStack and most others
      '169.254.170.2/32', // AWS ECS task credentials
      '169.254.170.23/32', // AWS EKS pod identity
      '169.254.0.23/32', // Tencent
      '100.100.100.200/32', // Alibaba
      '192.0.0.192/32', // Oracle, classic
      '168.63.129.16/32', // Azure's wire server
      'fd00:ec2::254/128', // AWS over IPv6
      'fd00:ec2::23/128', // AWS EKS pod identity over IPv6
      'fd20:ce::254/128', // Google over IPv6
      'fe80::a9fe:a9fe/128', // OpenStack over IPv6
    ),
  ],
  // 0.0.0.0 and :: mean "this host": Linux connects them to loopback.
  ['loopback', rangeList('127.0.0.0/8', '0.0.0.0/32', '::1/128', '::/128')],
  ['link-local', rangeList('169.254.0.0/16', 'fe80::/10')],
  // IANA's special-purpose registries, RFC 6890: all that is not globally reachable.
  [
    'private',
    rangeList(
      '0.0.0.0/8',
      '10.0.0.0/8',
      '100.64.0.0/10',
      '172.16.0.0/12',
      '192.0.0.0/24',
      '192.0.2.0/24',
      '192.88.99.0/24',
      '192.168.0.0/16',
      '198.18.0.0/15',
      '198.51.100.0/24',
      '203.0.113.0/24',
      '224.0.0.0/3',
      '2001::/23',
      '2001:db8::/32',
      '3fff::/20',
    ),
  ],
  // Global unicast is 2000::/3 and nothing else, RFC 4291 section 2.4: unique-local, multicast and the rest are private.
  ['public', rangeList('0.0.0.0/0', '2000::/3')],
];

/**
 * Says where a host leads, from its spelling alone: no DNS. Sees through IPv6 forms that carry an IPv4 address and through odd
 * IPv4 spellings; what carries an IPv4 address has that address's class, so that no wrapping makes `127.0.0.1` public.
 */
export function classifyAddress(host: string): AddressClass {
  const address = parseIpAddress(host);
  if (address === undefined) return classifyName(host);
  const literal = classOf(address);
  if (literal !== 'public' && literal !== 'private') return literal;
  const inner = embeddedIpv4(address);
  return inner === undefined ? literal : classOf(inner);
}

function classOf(address: IpAddress): AddressClass {
  return ranges.find(([, list]) => list.check(address.text, address.family))?.[0] ?? 'private';
}

function classifyName(host: string): AddressClass {
  const name = host.toLowerCase().replace(/\.$/, '');
  if (metadataNames.has(name)) return 'metadata';
  return name === 'localhost' || name.endsWith('.localhost') ? 'loopback' : 'name'; // RFC 6761 section 6.3
}

function rangeList(...cidrs: string[]): BlockList {
  const list = new BlockList();
  for (const cidr of cidrs) {
    const [network = '', bits] = cidr.split('/');
    list.addSubnet(network, Number(bits), network.includes(':') ? 'ipv6' : 'ipv4');
  }
  return list;
}
