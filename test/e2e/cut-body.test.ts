import { once } from 'node:events';
import { connect } from 'node:net';
import { describe, expect, it } from 'vitest';
import { curl } from '../fixture/curl.ts';
import { startMesh } from '../fixture/mesh.ts';
import { STORES } from './stores.ts';

describe.each(STORES)('an upstream that cuts a body, on the %s store', (store) => {
  it.each(['content-length', 'chunked', 'reset'])(
    'in the way of %s breaks the transfer and stores nothing',
    async (cutMode) => {
      await using mesh = await startMesh({ store });
      const path = `/generated/2MiB?maxAge=60`;
      await mesh.upstream.control.set({ cutAfterBytes: 1_000_000, cutMode: cutMode as 'reset' });
      await expect(curl(`${mesh.upstream.url}${path}`, mesh.proxyUrl())).rejects.toThrow();

      await mesh.upstream.control.set({ cutAfterBytes: null, cutMode: null });
      const direct = await curl(`${mesh.upstream.url}${path}`);
      mesh.upstream.resetStats();
      const whole = await curl(`${mesh.upstream.url}${path}`, mesh.proxyUrl());
      expect(whole.sha256).toBe(direct.sha256);
      expect(whole.headers['cache-status']).not.toContain('hit');
      expect(mesh.upstream.stats().byKind.full).toBe(1);
    },
  );
});

/** How the connection of a client of HTTP/1.0 ends, which has no other sign of a body's end. */
async function endFor10(url: string, proxyUrl: string, headers: string): Promise<'whole' | 'reset'> {
  const { hostname, port } = new URL(proxyUrl);
  const socket = connect(Number(port), hostname);
  socket.write(`GET ${url} HTTP/1.0\r\nHost: ${new URL(url).host}\r\n${headers}\r\n`);
  socket.resume();
  try {
    await once(socket, 'end');
    return 'whole';
  } catch {
    return 'reset';
  } finally {
    socket.destroy();
  }
}

it.each([
  ['from the cache', ''],
  // Answers to credentials pass the cache by.
  ['past the cache', 'Authorization: Basic eDp5\r\n'],
])('a client of HTTP/1.0 sees a body %s break, too', async (_title, headers) => {
  await using mesh = await startMesh();
  const url = `${mesh.upstream.url}/generated/2MiB?maxAge=60&chunked=1`;
  expect(await endFor10(url, mesh.proxyUrl(), headers)).toBe('whole');
  await mesh.upstream.control.set({ cutAfterBytes: 1_000_000, cutMode: 'chunked' });
  expect(await endFor10(`${url}&again=1`, mesh.proxyUrl(), headers)).toBe('reset');
});
