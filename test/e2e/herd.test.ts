import { once } from 'node:events';
import { Agent } from 'node:http';
import { describe, expect, it } from 'vitest';
import { curl, curlHead } from '../fixture/curl.ts';
import { startMesh } from '../fixture/mesh.ts';
import { STORES } from './stores.ts';

describe.each(STORES)('a thundering herd on the %s store', (store) => {
  it('costs the upstream one fetch for 1,000 cold clients behind two proxies of different callers', async () => {
    // On a machine where 1,000 clients share two cores with everything else, a moment of silence is no sign of death.
    const limits = { ackTimeoutMs: 10_000, heartbeatMs: 5000 };
    await using mesh = await startMesh({ store, proxies: 2, config: { limits } });
    // Slow enough that all clients are there before it ends.
    const path = '/generated/256KiB?maxAge=60&latencyMs=1000';
    const direct = await curl(`${mesh.upstream.url}${path}`);
    mesh.upstream.resetStats();
    const agent = new Agent({ maxSockets: 1000 });
    const clients = Array.from({ length: 1000 }, async (_, client) => {
      return await curl(`${mesh.upstream.url}${path}`, mesh.proxyUrl(client % 2), { agent });
    });
    const answers = await Promise.allSettled(clients);
    agent.destroy();

    const failures = answers.filter(({ status }) => status === 'rejected');
    expect(failures).toEqual([]);
    const hashes = new Set(
      answers.map((answer) => (answer.status === 'fulfilled' ? answer.value.sha256 : 'failed')),
    );
    expect([...hashes]).toEqual([direct.sha256]);
    expect(mesh.upstream.stats().total).toBe(1);
  });
});

describe('a slow upstream', () => {
  it('reaches the client with its first bytes before it has sent 64 KB', async () => {
    await using mesh = await startMesh();
    const url = `${mesh.upstream.url}/generated/200KB?bytesPerSecond=10000`;
    const response = await curlHead(url, mesh.proxyUrl());
    const [first] = (await once(response, 'data')) as [Buffer];
    expect(first.length).toBeGreaterThan(0);
    expect(mesh.upstream.stats().bytesSent).toBeLessThan(64_000);
    response.destroy();
  });
});
