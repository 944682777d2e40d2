import { describe, expect, it } from 'vitest';
import { createMetrics } from './metrics.ts';
import { runScript } from './script.fixture.ts';

describe('metrics', () => {
  it('carry the prefix and their labels', async () => {
    const { registry, counter, histogram } = createMetrics('pannier_proxy');
    counter({ name: 'requests_total', help: 'Requests.', labels: ['outcome'] }).inc({ outcome: 'miss' });
    histogram({ name: 'first_byte_seconds', help: 'Time to the first byte.', buckets: [0.01, 0.1] }).observe(
      0.05,
    );
    const text = await registry.metrics();
    expect(text).toContain('# HELP pannier_proxy_requests_total Requests.');
    expect(text).toContain('pannier_proxy_requests_total{outcome="miss"} 1');
    expect(text).toContain('pannier_proxy_first_byte_seconds_bucket{le="0.01"} 0');
    expect(text).toContain('pannier_proxy_first_byte_seconds_bucket{le="0.1"} 1');
  });

  it('ask a gauge that reads for its value at each scrape', async () => {
    const { registry, gauge } = createMetrics('pannier_server');
    let open = 1;
    gauge({ name: 'streams_open', help: 'Open streams.', read: () => open });
    expect(await registry.metrics()).toContain('pannier_server_streams_open 1');
    open = 2;
    expect(await registry.metrics()).toContain('pannier_server_streams_open 2');
  });

  it('of two components share one registry without clashing', async () => {
    const server = createMetrics('pannier_server');
    const proxy = createMetrics('pannier_proxy', { registry: server.registry });
    for (const metrics of [server, proxy])
      metrics.counter({ name: 'requests_total', help: 'Requests.' }).inc();
    const text = await server.registry.metrics();
    expect(text).toContain('pannier_server_requests_total 1');
    expect(text).toContain('pannier_proxy_requests_total 1');
  });

  it('of the process itself are there when asked for, and keep no process alive', async () => {
    const { code, stdout } = await runScript(`
      import { createMetrics } from './metrics.ts';
      const { registry } = createMetrics('pannier_server', { process: true });
      console.log(await registry.metrics());
    `).ended;
    expect(code).toBe(0);
    expect(stdout).toMatch(/^process_resident_memory_bytes \d+/m);
    expect(stdout).toMatch(/^nodejs_eventloop_lag_p99_seconds /m);
  });
});
