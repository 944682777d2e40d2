/** Jobs of Warm, put together: where they wait, and, where this process is to run them, who does. */
import type { Config, Logger, Metrics } from '@pannier/runtime';
import { bareError } from './bare-error.ts';
import type { Clock } from './clock.ts';
import type { Datasets } from './datasets/dataset-service.ts';
import type { EntryService } from './entry/entry-service.ts';
import type { JobQueue, JobWork } from './jobs/job-queue.ts';
import { MemoryJobQueue } from './jobs/memory-job-queue.ts';
import { RedisJobQueue } from './jobs/redis-job-queue.ts';
import { RedisJobWorker } from './jobs/redis-job-worker.ts';
import { jobConnection } from './store/redis/job-connection.ts';

/** What jobs need. */
export interface StartJobsDeps {
  readonly config: Config;
  readonly entries: Pick<EntryService, 'warm'>;
  readonly datasets: Pick<Datasets, 'warm'>;
  readonly clock: Clock;
  readonly logger: Pick<Logger, 'warn'>;
  readonly metrics: Metrics;
}

const OUTCOMES = [
  'completed',
  'failed',
  'retried',
  'given-back',
  'taken-over',
  'stalled',
  'unreported',
] as const;
/** Errors of the connections come in swarms; one line in so many milliseconds says as much. */
const QUIET_MS = 5000;

/** Opens the queue; takes jobs from it unless `server.role` is `server`. */
export function startJobs(deps: StartJobsDeps): JobQueue {
  const { config, clock } = deps;
  const { redis, role } = config.server;
  const { limits } = config;
  const counter = deps.metrics.counter<string>({
    name: 'jobs_total',
    help: 'Attempts at jobs in this process by how they ended; given back when it stopped, taken over by another while it was stopped, stalled when another died over it.',
    labels: ['what'],
  });
  for (const what of OUTCOMES) counter.inc({ what }, 0);
  const count = (what: (typeof OUTCOMES)[number]): void => counter.inc({ what });
  const work = jobWork(deps);
  if (redis === undefined) {
    const queue = new MemoryJobQueue({ work, limits, clock, count });
    watchWaiting(queue, deps.metrics);
    return queue;
  }

  const onError = quietly(deps);
  const open = (): ReturnType<typeof jobConnection> => {
    const connection = jobConnection(redis);
    connection.client.on('error', onError);
    return connection;
  };
  const asking = open();
  const { commandTimeoutMs } = redis;
  const queue = new RedisJobQueue({ ...asking, commandTimeoutMs, limits, onError });
  watchWaiting(queue, deps.metrics);
  const waiting = role === 'server' ? undefined : open();
  const worker = waiting && new RedisJobWorker({ ...waiting, work, limits, clock, count, onError });
  return {
    enqueue: async (task) => await queue.enqueue(task),
    look: async (job) => await queue.look(job),
    waiting: async () => await queue.waiting(),
    async close() {
      await worker?.close();
      await queue.close();
      asking.client.disconnect();
      waiting?.client.disconnect();
    },
  };
}

/** Counted when somebody looks; no number while the queue cannot be asked. */
function watchWaiting(queue: Pick<JobQueue, 'waiting'>, metrics: Metrics): void {
  metrics.gauge({
    name: 'jobs_waiting',
    help: 'Jobs that wait for a worker, at all servers together.',
    read: async () => await queue.waiting().catch(() => NaN),
  });
}

function jobWork({ entries, datasets }: StartJobsDeps): JobWork {
  return {
    async warmUrl(url, headers, { signal, onProgress }) {
      const onBytes = (bytes: number, bytesTotal: number | undefined): void =>
        onProgress({ bytes, bytesTotal, records: 0, partitions: 0 });
      await entries.warm({ method: 'GET', url, headers }, { signal, onBytes });
    },
    async warmDataset(name, { signal, onProgress }) {
      await datasets.warm(name, signal, onProgress);
    },
  };
}

function quietly({ clock, logger }: StartJobsDeps): (error: Error) => void {
  let toldAtMs = -Infinity;
  return (error) => {
    const err = bareError(error);
    if (clock.now() - toldAtMs < QUIET_MS) return;
    toldAtMs = clock.now();
    logger.warn({ err }, 'the queue of jobs does not answer');
  };
}
