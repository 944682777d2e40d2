import { describe, expect, it } from 'vitest';
import { curl } from '../fixture/curl.ts';
import { eventually } from '../fixture/eventually.ts';
import { startMesh } from '../fixture/mesh.ts';
import { STORES } from './stores.ts';

describe.each(STORES)('the main job on the %s store', (store) => {
  it('delivers the same bytes as a direct download, and the second time from the cache', async () => {
    await using mesh = await startMesh({ store });
    const url = `${mesh.upstream.url}/cities.json?maxAge=3600`;
    const direct = await curl(url);
    mesh.upstream.resetStats();

    const first = await curl(url, mesh.proxyUrl());
    expect(first.status).toBe(200);
    expect(first.sha256).toBe(direct.sha256);
    expect(first.headers.etag).toBe(direct.headers.etag);
    expect(first.headers['cache-status']).toMatch(/^pannier-server; fwd=uri-miss.*, pannier-proxy; fwd=/);
    // Stored, which may be a moment after it was sent: until then whoever comes joins the fetch.
    const second = await eventually(async () => {
      const answer = await curl(url, mesh.proxyUrl());
      expect(answer.headers['cache-status']).toMatch(/^pannier-server; hit; ttl=\d+/);
      return answer;
    });
    expect(second.sha256).toBe(direct.sha256);
    expect(Number(second.headers.age)).toBeGreaterThanOrEqual(0);
    expect(mesh.upstream.stats().byKind.full).toBe(1);
    expect(mesh.upstream.stats().total).toBe(1);
  });

  it('asks once by condition after expiry, and moves no body when nothing changed', async () => {
    await using mesh = await startMesh({ store });
    const url = `${mesh.upstream.url}/cities.json?maxAge=1`;
    const first = await curl(url, mesh.proxyUrl());
    const sent = mesh.upstream.stats().bytesSent;

    const later = await eventually(async () => {
      const answer = await curl(url, mesh.proxyUrl());
      expect(mesh.upstream.stats().byKind.notModified).toBeGreaterThanOrEqual(1);
      return answer;
    });
    expect(later.sha256).toBe(first.sha256);
    expect(later.headers['cache-status']).toContain('fwd-status=304');
    const { byKind, bytesSent } = mesh.upstream.stats();
    expect(byKind.full).toBe(1);
    expect(byKind.notModified).toBe(byKind.conditional);
    expect(bytesSent - sent).toBeLessThan(1000);
  });

  it('delivers a changed version whole after expiry', async () => {
    await using mesh = await startMesh({ store });
    const url = `${mesh.upstream.url}/cities.json?maxAge=1`;
    const first = await curl(url, mesh.proxyUrl());
    await mesh.upstream.control.publish();
    const direct = await curl(url);
    expect(direct.sha256).not.toBe(first.sha256);
    await eventually(async () => {
      expect((await curl(url, mesh.proxyUrl())).sha256).toBe(direct.sha256);
    });
  });
});
