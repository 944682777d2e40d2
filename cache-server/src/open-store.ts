/** The store that a configuration asks for: in the memory of this process, or in Redis with memory before it. */
import type { Config, Logger, Metrics } from '@pannier/runtime';
import type { Clock } from './clock.ts';
import type { EntryStore } from './store/entry-store.ts';
import { createMemoryStore } from './store/memory-store.ts';
import { createMemoryTier } from './store/memory-tier.ts';
import { createRedisStore } from './store/redis-store.ts';

/** What it is opened with. */
interface OpenStoreDeps {
  readonly clock: Clock;
  readonly logger: Pick<Logger, 'warn'>;
  readonly metrics: Metrics;
}

/** Opens the store; Redis is connected to in the background. */
export function openStore({ server }: Config, { clock, logger, metrics }: OpenStoreDeps): EntryStore {
  const now = (): number => clock.now();
  const { redis } = server;
  if (redis === undefined) return createMemoryStore({ bytesMax: server.memoryStoreBytesMax, now });
  const store = createRedisStore({
    ...redis,
    onError: (err, count) => logger.warn({ err, count }, 'the Redis for data does not answer'),
  });
  if (redis.memoryTierBytesMax === 0) return store;
  const hits = metrics.counter({
    name: 'store_hits_total',
    help: 'Manifests and partitions that were found, by where: in the memory of this process or in Redis.',
    labels: ['what', 'tier'],
  });
  for (const what of ['manifest', 'frame'])
    for (const tier of ['memory', 'redis']) hits.inc({ what, tier }, 0);
  return createMemoryTier({
    store,
    bytesMax: redis.memoryTierBytesMax,
    now,
    onHit: (what, tier) => hits.inc({ what, tier }),
  });
}
