import { lookup as resolve } from 'node:dns';
import type { LookupAddress } from 'node:dns';
import { BlockList } from 'node:net';
import type { LookupFunction } from 'node:net';
import { classifyAddress } from './address-class.ts';
import type { AddressClass } from './address-class.ts';
import { parseAddressRule } from './address-rule.ts';
import type { AddressRule } from './address-rule.ts';
import { RuntimeError } from './errors.ts';
import { embeddedIpv4, parseIpAddress } from './ip-address.ts';

/** Decides which hosts this process may connect to on someone else's behalf. */
export interface AddressGuard {
  /**
   * The class for which this host is refused; undefined when it is allowed. Ask before connecting: Node never calls a `lookup`
   * for an IP literal. A name other than `localhost` is allowed here and judged by {@link lookup}.
   */
  readonly refusal: (host: string) => AddressClass | undefined;
  /**
   * For the `lookup` option of `net.connect`, `http.request` and undici's `connect`: answers only addresses that are allowed, so
   * that what was checked is what is connected to (a second DNS answer cannot differ). None left: a {@link RuntimeError}
   * `ADDRESS_REFUSED`.
   */
  readonly lookup: LookupFunction;
}

/**
 * @param allowed entries as {@link parseAddressRule} reads them; public addresses need none, metadata services are refused
 * whatever is listed. Unreadable entries are skipped: the config has refused them before.
 */
export function createAddressGuard(allowed: readonly string[]): AddressGuard {
  const rules = allowed.map(parseAddressRule).filter((rule) => rule !== undefined);
  const classes = new Set<AddressClass>(
    rules.filter((rule) => rule.kind === 'class').map((rule) => rule.class),
  );
  const addresses = rangeList(rules);

  const refusalOf = (name: string, host: string): AddressClass | undefined => {
    const addressClass = classifyAddress(host);
    if (addressClass === 'metadata') return addressClass;
    if (addressClass === 'public' || addressClass === 'name') return undefined;
    const listed = classes.has(addressClass) || matchesName(rules, name) || inRange(addresses, host);
    return listed ? undefined : addressClass;
  };

  return {
    refusal: (host) => refusalOf(host, host),
    lookup: (hostname, options, callback) => {
      resolve(hostname, { ...options, all: true }, (error, found) => {
        if (error) return callback(error, []);
        const open = found.filter(({ address }) => refusalOf(hostname, address) === undefined);
        const [first] = open;
        if (first === undefined) return callback(refused(hostname, found), []);
        return options.all ? callback(null, open) : callback(null, first.address, first.family);
      });
    },
  };
}

function refused(hostname: string, found: readonly LookupAddress[]): RuntimeError {
  const listed = found.map(({ address }) => `${address} (${classifyAddress(address)})`).join(', ');
  return new RuntimeError(
    'ADDRESS_REFUSED',
    `${hostname} leads to ${listed}, which allowPrivateAddresses does not list`,
  );
}

function matchesName(rules: readonly AddressRule[], host: string): boolean {
  const name = host.toLowerCase().replace(/\.$/, '');
  return rules.some(
    (rule) =>
      rule.kind === 'name' && (rule.withSubdomains ? name.endsWith(`.${rule.name}`) : name === rule.name),
  );
}

function rangeList(rules: readonly AddressRule[]): BlockList {
  const list = new BlockList();
  for (const rule of rules) {
    if (rule.kind === 'range') list.addSubnet(rule.network, rule.prefixBits, rule.family);
  }
  return list;
}

function inRange(list: BlockList, host: string): boolean {
  const address = parseIpAddress(host);
  if (address === undefined) return false;
  const inner = embeddedIpv4(address);
  return (
    list.check(address.text, address.family) || (inner !== undefined && list.check(inner.text, inner.family))
  );
}
