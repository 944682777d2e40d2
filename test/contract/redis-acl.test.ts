import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import type { RedisStoreOptions } from '../../cache-server/src/store/redis-store.ts';
import { startRedis } from '../fixture/redis-server.ts';
import type { RedisFixture } from '../fixture/redis-server.ts';
import { entryStoreContract } from './entry-store-contract.ts';
import { connectStore, openOnEmptied, openStore, until } from './redis-harness.ts';
import { key, manifest } from './store-harness.ts';

/** The very lines that docs/redis.md gives to operators. */
const ACL_LINE = /^user pannier-data .*$/m.exec(
  readFileSync(new URL('../../docs/redis.md', import.meta.url), 'utf8'),
)![0];
const folder = mkdtempSync(join(tmpdir(), 'pannier-acl-'));
const passwordFile = join(folder, 'password');
const user = (): Partial<RedisStoreOptions> => ({
  username: 'pannier-data',
  passwordFile,
  keyPrefix: 'pannier',
});

let redis: RedisFixture;
beforeAll(async () => {
  writeFileSync(passwordFile, 'a password\n');
  redis = await startRedis();
  const [, name, ...rules] = ACL_LINE.split(' ');
  const passwords = rules.map((rule) => (rule.startsWith('>') ? '>a password' : rule));
  await redis.command('ACL', 'SETUSER', name!, ...passwords);
});
afterAll(async () => {
  await redis.stop();
  rmSync(folder, { recursive: true });
});

entryStoreContract('the Redis store as an ACL user', async () => await openOnEmptied(redis, user()));

describe('the Redis store as an ACL user by itself', () => {
  test('is let into nothing but its prefix', async () => {
    const store = await connectStore(redis, { ...user(), keyPrefix: 'other' });
    onTestFinished(async () => await store.close());
    await expect(store.writeManifest(key('a'), manifest('a', '1'))).rejects.toThrow('NOPERM');
  });

  test('says so by name when the password is another one, without a word of it', async () => {
    const url = `redis://pannier-data:open-sesame@127.0.0.1:${redis.port}`;
    const store = openStore(redis, { url });
    onTestFinished(async () => await store.close());
    await until(() => store.connectionErrors > 1);
    const failed = await store.readManifest(key('a')).catch(String);
    expect(failed).toMatch(/WRONGPASS|NOAUTH|not ready/);
    expect(failed).not.toContain('open-sesame');
  });
});
