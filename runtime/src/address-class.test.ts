import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { classifyAddress } from './address-class.ts';

type Octets = [number, number, number, number];

/** Any address, and as often one whose class is not `public`. */
const ipv4 = fc.oneof(
  fc.tuple(fc.nat(255), fc.nat(255), fc.nat(255), fc.nat(255)),
  fc.tuple(fc.constantFrom(10, 127, 0, 224), fc.nat(255), fc.nat(255), fc.nat(255)),
  fc.tuple(fc.constant(192), fc.constant(168), fc.nat(255), fc.nat(255)),
  fc.tuple(fc.constant(169), fc.constant(254), fc.constantFrom(169, 170, 0), fc.constantFrom(254, 2, 1)),
);

const dotted = (octets: Octets): string => octets.join('.');
const hexPair = ([a, b, c, d]: Octets): string =>
  `${(a * 256 + b).toString(16)}:${(c * 256 + d).toString(16)}`;
const asNumber = ([a, b, c, d]: Octets): number => ((a * 256 + b) * 256 + c) * 256 + d;

/** Every way to write an IPv4 address inside an IPv6 one that some kernel, gateway or tunnel unwraps. */
const wrappings: Record<string, (octets: Octets) => string> = {
  'IPv4-mapped': (o) => `::ffff:${dotted(o)}`,
  'IPv4-mapped in hex': (o) => `[::FFFF:${hexPair(o)}]`,
  'IPv4-mapped at full length': (o) => `0:0:0:0:0:ffff:${hexPair(o)}`,
  'IPv4-translated': (o) => `::ffff:0:${dotted(o)}`,
  NAT64: (o) => `64:ff9b::${dotted(o)}`,
  'local NAT64': (o) => `64:ff9b:1::${hexPair(o)}`,
  '6to4': (o) => `2002:${hexPair(o)}::1`,
  ISATAP: (o) => `2a00:1:2:3:0:5efe:${hexPair(o)}`,
};

const spellings: Record<string, (octets: Octets) => string> = {
  decimal: (o) => String(asNumber(o)),
  hexadecimal: (o) => `0x${asNumber(o).toString(16)}`,
  octal: (o) => `0${asNumber(o).toString(8)}`,
  'hexadecimal parts': (o) => o.map((octet) => `0x${octet.toString(16)}`).join('.'),
  'octal parts': (o) => o.map((octet) => `0${octet.toString(8)}`).join('.'),
  'three parts': ([a, b, c, d]) => `${a}.${b}.${c * 256 + d}`,
  'a trailing dot': (o) => `${dotted(o)}.`,
  'full-width digits': (o) =>
    dotted(o).replaceAll(/\d/g, (digit) => String.fromCodePoint(0xff10 + Number(digit))),
};

describe('classifyAddress', () => {
  it.each([
    ['169.254.169.254', 'metadata'],
    ['169.254.170.2', 'metadata'],
    ['100.100.100.200', 'metadata'],
    ['168.63.129.16', 'metadata'],
    ['[fd00:ec2::254]', 'metadata'],
    ['fd00:0ec2:0:0:0:0:0:254', 'metadata'],
    ['Metadata.Google.Internal.', 'metadata'],
    ['::ffff:a9fe:a9fe', 'metadata'],
    ['127.0.0.1', 'loopback'],
    ['127.255.0.9', 'loopback'],
    ['0', 'loopback'],
    ['0.0.0.0', 'loopback'],
    ['::', 'loopback'],
    ['::1', 'loopback'],
    ['api.localhost', 'loopback'],
    ['169.254.1.1', 'link-local'],
    ['fe80::1%eth0', 'link-local'],
    ['10.0.0.1', 'private'],
    ['172.31.255.255', 'private'],
    ['192.168.1.1', 'private'],
    ['100.64.0.1', 'private'],
    ['224.0.0.1', 'private'],
    ['255.255.255.255', 'private'],
    ['fd12:3456::1', 'private'],
    ['ff02::1', 'private'],
    ['2001:0:1::1', 'private'],
    ['172.32.0.1', 'public'],
    ['8.8.8.8', 'public'],
    ['2606:4700::1111', 'public'],
    ['api.example', 'name'],
    ['metadata.example', 'name'],
    ['127.0.0.1.example', 'name'],
    ['127.0.0.1@8.8.8.8', 'name'],
    ['', 'name'],
  ])('puts %s among %s', (host, expected) => {
    expect(classifyAddress(host)).toBe(expected);
  });

  it.each(Object.entries(wrappings))(
    'gives an address inside a %s one the class it has outside',
    (_, wrap) => {
      fc.assert(
        fc.property(ipv4, (octets) => {
          expect(classifyAddress(wrap(octets))).toBe(classifyAddress(dotted(octets)));
        }),
      );
    },
  );

  it('sees through IPv4-compatible addresses, all but :: and ::1', () => {
    fc.assert(
      fc.property(
        ipv4.filter((octets) => asNumber(octets) > 1),
        (octets) => {
          expect(classifyAddress(`::${dotted(octets)}`)).toBe(classifyAddress(dotted(octets)));
        },
      ),
    );
  });

  it.each(Object.entries(spellings))('reads an address written as %s', (_, spell) => {
    fc.assert(
      fc.property(ipv4, (octets) => {
        expect(classifyAddress(spell(octets))).toBe(classifyAddress(dotted(octets)));
      }),
    );
  });

  it('answers for any text at all', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        expect(classifyAddress(text)).toBeTypeOf('string');
      }),
    );
  });
});
