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
