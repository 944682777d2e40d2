/** Servers that only take jobs in, and workers that only run them, over one Redis; each a process. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startUpstream } from '@pannier/example-upstream';
import type { Upstream } from '@pannier/example-upstream';
import type { ConfigInput } from '@pannier/runtime';
import { startProcess } from '../fixture/pannier-process.ts';
import type { PannierProcess } from '../fixture/pannier-process.ts';
import { startRedis } from '../fixture/redis-server.ts';
import type { RedisFixture } from '../fixture/redis-server.ts';

/** A running one. */
export interface WorkerMesh extends AsyncDisposable {
  readonly upstream: Upstream;
  readonly redis: RedisFixture;
  readonly servers: readonly PannierProcess[];
  /** `host:port` of a server's gRPC port. */
  address(server?: number): string;
  /** Starts one more worker. */
  startWorker(): Promise<PannierProcess>;
}

const MAIN = 'cache-server/src/main.ts';

/** Starts servers without any worker; `await using` ends them all. */
export async function startWorkerMesh({
  servers: count = 1,
  config = {},
}: { servers?: number; config?: Partial<ConfigInput> } = {}): Promise<WorkerMesh> {
  await using starting = new AsyncDisposableStack();
  const folder = mkdtempSync(join(tmpdir(), 'pannier-workers-'));
  starting.defer(() => rmSync(folder, { recursive: true, force: true }));
  const upstream = await startUpstream();
  starting.defer(async () => await upstream.close());
  const redis = starting.use(await startRedis());
  const file = join(folder, 'pannier.yaml');
  const cities = {
    upstream: 'demo',
    endpoint: '/cities.json',
    partitionBy: { field: 'country' },
  };
  const whole = {
    ...config,
    upstreams: { demo: { url: upstream.url } },
    datasets: { cities },
    server: { ...config.server, redis: { url: redis.url } },
  };
  // JSON is YAML.
  writeFileSync(file, JSON.stringify(whole));
  let parts: AsyncDisposableStack = starting;
  const start = async (role: string, portFlags: Record<string, string>): Promise<PannierProcess> =>
    parts.use(await startProcess({ main: MAIN, args: ['--config', file, '--role', role], portFlags }));
  const servers: PannierProcess[] = [];
  for (let i = 0; i < count; i += 1)
    servers.push(await start('server', { grpc: '--port', admin: '--admin-port' }));
  parts = starting.move();
  return {
    upstream,
    redis,
    servers,
    address: (index = 0) => servers[index]?.listening['grpc'] ?? '',
    startWorker: async () => await start('worker', { admin: '--admin-port' }),
    [Symbol.asyncDispose]: async () => await parts.disposeAsync(),
  };
}
