/** What another version of Pannier has stored or says, in a form that this one does not know. */
import { create } from '@bufbuild/protobuf';
import { createTransport } from '@pannier/client/transport';
import { CacheService, PutRequestSchema } from '@pannier/proto';
import { expect, onTestFinished, test } from 'vitest';
import { curl } from '../fixture/curl.ts';
import { eventually } from '../fixture/eventually.ts';
import { startMesh } from '../fixture/mesh.ts';

/** A record of a later version, and what is no record at all. */
const FOREIGN = [Buffer.from([0x81, 0xa6, ...Buffer.from('format'), 0xcd, 0x27, 0x0f]), Buffer.from('?')];

test('a stored record that a server cannot read is a miss, and is replaced', async () => {
  await using mesh = await startMesh({
    store: 'redis',
    // On a busy machine Redis is slow, which is not to be taken for away.
    redisSettings: { memoryTierBytesMax: 0, commandTimeoutMs: '20s' },
    config: { proxy: { nearCacheBytesMax: 0 } },
  });
  const url = `${mesh.upstream.url}/small?id=1&maxAge=3600`;
  const direct = await curl(url);
  /** Stored, which may be a moment after it was sent. */
  const isStored = async (): Promise<void> => {
    const { headers } = await curl(url, mesh.proxyUrl());
    expect(headers['cache-status']).toContain('pannier-server; hit');
  };
  await eventually(isStored);
  for (const foreign of FOREIGN) {
    const names = (await mesh.redis?.command('KEYS', '*:manifest:*')) as Buffer[];
    expect(names.length).toBeGreaterThan(0);
    for (const name of names) await mesh.redis?.command('HSET', name, 'm', foreign);
    const before = mesh.upstream.stats().total;
    const answer = await curl(url, mesh.proxyUrl());
    expect([answer.status, answer.sha256]).toEqual([200, direct.sha256]);
    await eventually(isStored);
    expect(mesh.upstream.stats().total - before).toBe(1);
  }
  const metrics = await (await fetch(`http://${mesh.server.listening['admin']}/metrics`)).text();
  expect(metrics).toMatch(/pannier_server_failures_total\{[^}]*what="manifest-unreadable"[^}]*\} [1-9]/);
});

test('what a later client says beside what is known is passed over', async () => {
  await using mesh = await startMesh({ proxies: 0 });
  const transport = createTransport({ servers: [mesh.serverAddress()], identity: 'team-a' });
  onTestFinished(() => transport.close());
  const put = create(PutRequestSchema, { name: 'a', value: Buffer.from('kept'), ttlMs: 60_000n });
  // Field 999, a text of three letters.
  put.$unknown = [{ no: 999, wireType: 2, data: Buffer.from('\u0003new') }];
  await transport.unary(CacheService.method.put, put);
  const { object } = await transport.unary(CacheService.method.get, { name: 'a' });
  expect(String(Buffer.from(object?.value ?? []))).toBe('kept');
});
