import { connect } from 'node:net';
import { once } from 'node:events';
import { afterEach, describe, expect, it } from 'vitest';
import { startAdmin } from './admin.ts';
import type { Admin, Readiness } from './admin.ts';
import { createMetrics } from './metrics.ts';

const metrics = createMetrics('pannier_test');
const requests = metrics.counter({
  name: 'requests_total',
  help: 'Requests by outcome.',
  labels: ['outcome'],
});
requests.inc({ outcome: 'hit' }, 3);

let admin: Admin | undefined;
afterEach(async () => {
  await admin?.close();
  admin = undefined;
});

async function start(
  ready: () => Readiness = () => ({ ok: true }),
): Promise<(path: string, init?: RequestInit) => Promise<Response>> {
  const started = await startAdmin({ host: '127.0.0.1', port: 0, ready, metrics: metrics.registry });
  admin = started;
  return async (path, init) => fetch(`http://127.0.0.1:${started.port}${path}`, init);
}

describe('the admin endpoint', () => {
  it('is alive and ready', async () => {
    const get = await start();
    expect((await get('/livez')).status).toBe(200);
    expect((await get('/readyz?verbose')).status).toBe(200);
  });

  it('says why it is not ready, while it stays alive', async () => {
    let readiness: Readiness = { ok: false, reason: 'draining' };
    const get = await start(() => readiness);
    const refused = await get('/readyz');
    expect(refused.status).toBe(503);
    expect(await refused.text()).toBe('draining\n');
    expect((await get('/livez')).status).toBe(200);
    readiness = { ok: true };
    expect((await get('/readyz')).status).toBe(200);
  });

  it('serves the metrics in the Prometheus format', async () => {
    const get = await start();
    const response = await get('/metrics');
    expect(response.headers.get('content-type')).toBe('text/plain; version=0.0.4; charset=utf-8');
    expect(await response.text()).toContain('pannier_test_requests_total{outcome="hit"} 3');
  });

  it('knows no other path and no other method', async () => {
    const get = await start();
    expect((await get('/')).status).toBe(404);
    const posted = await get('/livez', { method: 'POST', body: 'x' });
    expect(posted.status).toBe(405);
    expect(posted.headers.get('allow')).toBe('GET, HEAD');
    const head = await get('/livez', { method: 'HEAD' });
    expect([head.status, await head.text()]).toEqual([200, '']);
  });

  it('survives a probe that throws', async () => {
    const get = await start(() => {
      throw new Error('no store');
    });
    const response = await get('/readyz');
    expect([response.status, await response.text()]).toEqual([500, 'failed: no store\n']);
    expect((await get('/livez')).status).toBe(200);
  });

  it('names the port and the flag when the port is busy', async () => {
    await start();
    const second = startAdmin({
      host: '127.0.0.1',
      port: admin!.port,
      ready: () => ({ ok: true }),
      metrics: metrics.registry,
    });
    await expect(second).rejects.toThrow(`port ${admin!.port} on 127.0.0.1 is busy`);
    await expect(second).rejects.toThrow('--admin-port');
  });

  it('closes although a client holds its connection open, half a request sent', async () => {
    await start();
    const socket = connect(admin!.port, '127.0.0.1');
    await once(socket, 'connect');
    socket.on('error', () => socket.destroy()).write('GET /livez HTTP/1.1\r\nHost: x\r\n');
    const closed = once(socket, 'close');
    await admin!.close();
    await closed;
    await expect(fetch(`http://127.0.0.1:${admin!.port}/livez`)).rejects.toThrow('fetch failed');
  });
});
