import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import type { RedisStoreOptions } from '../../cache-server/src/store/redis-store.ts';
import { freePort } from '../fixture/free-port.ts';
import { startRedis } from '../fixture/redis-server.ts';
import type { RedisFixture } from '../fixture/redis-server.ts';
import { makeTestAuthority } from '../fixture/test-authority.ts';
import type { TestAuthority } from '../fixture/test-authority.ts';
import { entryStoreContract } from './entry-store-contract.ts';
import { connectStore, openOnEmptied, openStore, until } from './redis-harness.ts';
import { key, manifest } from './store-harness.ts';

let authority: TestAuthority;
let redis: RedisFixture;
let tlsPort: number;
beforeAll(async () => {
  authority = makeTestAuthority();
  tlsPort = await freePort();
  const { ca, server } = authority;
  const files = ['--tls-ca-cert-file', ca, '--tls-cert-file', server.cert, '--tls-key-file', server.key];
  redis = await startRedis({ args: ['--tls-port', String(tlsPort), ...files] });
});
afterAll(async () => {
  await redis.stop();
  authority.remove();
});

/** Redis asks for a certificate of its clients. */
function mutual(host = '127.0.0.1'): Partial<RedisStoreOptions> {
  const { ca, client } = authority;
  return { url: `rediss://${host}:${tlsPort}`, tls: { ca, ...client } };
}

entryStoreContract('the Redis store over TLS', async () => await openOnEmptied(redis, mutual()));

describe('the Redis store over TLS by itself', () => {
  test('trusts no Redis whose authority it was not told of', async () => {
    const { ca: _ca, ...client } = mutual().tls!;
    await refused({ ...mutual(), tls: client }, /self.signed|unable to|certificate/i);
  });

  test('trusts no Redis that has another name', async () => {
    await refused(
      { ...mutual(), tls: { ...mutual().tls, serverName: 'other.test' } },
      /other\.test|altnames/i,
    );
    const store = await connectStore(redis, {
      ...mutual(),
      tls: { ...mutual().tls, serverName: 'redis.test' },
    });
    onTestFinished(async () => await store.close());
    expect(await store.writeManifest(key('a'), manifest('a', '1'))).toBe(true);
  });

  test('is turned away without the certificate that Redis asks for', async () => {
    await refused({ ...mutual(), tls: { ca: authority.ca } }, /certificate|reset|closed|EPIPE/i);
  });
});

async function refused(options: Partial<RedisStoreOptions>, reason: RegExp): Promise<void> {
  const store = openStore(redis, options);
  onTestFinished(async () => await store.close());
  await until(() => store.connectionErrors > 1);
  await expect(store.readManifest(key('a'))).rejects.toMatchObject({
    code: 'store',
    message: expect.stringMatching(reason) as unknown,
  });
}
