/** Whether each Redis answers, for Prometheus: asked when it looks, since a server has little to do with one that it can do without. */
import type { Metrics } from '@pannier/runtime';

/** What a Redis is there for; both may be the same one. */
export interface RedisAnswers {
  /** Resolves within the deadline of a command, and never rejects. */
  data(): Promise<boolean>;
  control(): Promise<boolean>;
}

/** Registers the gauge; a server with the embedded store has none. */
export function createRedisGauge(metrics: Metrics, answers: RedisAnswers): void {
  metrics.gauge({
    name: 'redis_up',
    help: '1 while the Redis for data, and that for control, answers.',
    labels: ['connection'],
    readAll: async (gauge) => {
      const [data, control] = await Promise.all([answers.data(), answers.control()]);
      gauge.set({ connection: 'data' }, Number(data));
      gauge.set({ connection: 'control' }, Number(control));
    },
  });
}
