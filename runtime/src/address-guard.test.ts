import { once } from 'node:events';
import { createServer, get } from 'node:http';
import type { IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createAddressGuard } from './address-guard.ts';
import type { AddressGuard } from './address-guard.ts';
import { parseAddressRule } from './address-rule.ts';

const upstream = createServer((_, response) => response.end('reached'));
let port = 0;
beforeAll(async () => {
  upstream.listen(0, '127.0.0.1');
  await once(upstream, 'listening');
  port = (upstream.address() as AddressInfo).port;
});
afterAll(() => upstream.close());

async function reach(guard: AddressGuard, host: string): Promise<string> {
  const request = get({ host, port, lookup: guard.lookup, family: 4, agent: false });
  const [response] = (await once(request, 'response')) as [IncomingMessage];
  return Buffer.concat(await response.toArray()).toString();
}

describe('an address guard', () => {
  it('allows public addresses and names with nothing listed', () => {
    const guard = createAddressGuard([]);
    expect(guard.refusal('8.8.8.8')).toBeUndefined();
    expect(guard.refusal('api.example')).toBeUndefined();
  });

  it('refuses loopback, private and link-local literals with nothing listed', () => {
    const guard = createAddressGuard([]);
    expect(guard.refusal('127.1')).toBe('loopback');
    expect(guard.refusal('localhost')).toBe('loopback');
    expect(guard.refusal('10.2.3.4')).toBe('private');
    expect(guard.refusal('[fe80::1]')).toBe('link-local');
  });

  it('allows what is listed by class, range, address or name, and nothing beside it', () => {
    const guard = createAddressGuard(['loopback', '10.2.0.0/16', '192.168.7.7', '*.internal']);
    expect(guard.refusal('::ffff:127.0.0.1')).toBeUndefined();
    expect(guard.refusal('10.2.3.4')).toBeUndefined();
    expect(guard.refusal('64:ff9b::10.2.3.4')).toBeUndefined();
    expect(guard.refusal('10.3.3.4')).toBe('private');
    expect(guard.refusal('192.168.7.7')).toBeUndefined();
    expect(guard.refusal('192.168.7.8')).toBe('private');
  });

  it('refuses a metadata service whatever is listed', () => {
    const guard = createAddressGuard(['private', 'link-local', '0.0.0.0/0', 'metadata.google.internal']);
    expect(guard.refusal('169.254.169.254')).toBe('metadata');
    expect(guard.refusal('2852039166')).toBe('metadata');
    expect(guard.refusal('metadata.google.internal')).toBe('metadata');
  });

  it('refuses a name whose every address is refused, on a real connection', async () => {
    await expect(reach(createAddressGuard(['10.0.0.0/8']), 'localhost')).rejects.toMatchObject({
      code: 'ADDRESS_REFUSED',
      message: 'localhost leads to 127.0.0.1 (loopback), which allowPrivateAddresses does not list',
    });
  });

  it('connects to a name that is listed itself, or whose address is', async () => {
    await expect(reach(createAddressGuard(['localhost']), 'localhost')).resolves.toBe('reached');
    await expect(reach(createAddressGuard(['127.0.0.0/8']), 'localhost')).resolves.toBe('reached');
  });

  it('passes on that a name does not resolve', async () => {
    await expect(reach(createAddressGuard([]), 'no-such-host.invalid')).rejects.toHaveProperty(
      'syscall',
      'getaddrinfo',
    );
  });
});

describe('parseAddressRule', () => {
  it.each(['loopback', '10.0.0.0/8', '::1', 'fd00::/8', 'localhost', 'api.internal', '*.svc.cluster.local'])(
    'reads %s',
    (text) => expect(parseAddressRule(text)).toBeDefined(),
  );

  it.each([
    '',
    '10.0.0.0/33',
    '10.0.0.0/8/8',
    '10.0.0.0/',
    '10.0.0/8',
    '*',
    'a b',
    'http://x',
    'fe80::1%eth0',
    '1.2.3',
  ])('refuses "%s"', (text) => expect(parseAddressRule(text)).toBeUndefined());
});
