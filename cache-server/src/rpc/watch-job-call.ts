/** WatchJob: where a job stands, whoever runs it, until it is over. */
import type { MessageInitShape } from '@bufbuild/protobuf';
import { JobState } from '@pannier/proto';
import type { WatchJobRequest, WatchJobResponseSchema } from '@pannier/proto';
import { CacheServerError } from '../errors.ts';
import { followJob } from '../jobs/follow-job.ts';
import type { JobProgress } from '../jobs/job-queue.ts';
import type { CallContext } from './call-handlers.ts';
import { withHeartbeats } from './heartbeat.ts';
import type { JobCallDeps } from './warm-call.ts';

type Progress = Exclude<MessageInitShape<typeof WatchJobResponseSchema>, { $typeName: string }>;

const STATES = {
  waiting: JobState.WAITING,
  active: JobState.ACTIVE,
  completed: JobState.COMPLETED,
  failed: JobState.FAILED,
} as const;

/** Progress whenever something has changed, and as a sign of life; the last one is COMPLETED or FAILED. */
export async function* watchJob(
  { job }: WatchJobRequest,
  { signal }: CallContext,
  { jobs, limits, draining }: JobCallDeps,
): AsyncGenerator<Progress, void, undefined> {
  if (job === '') throw new CacheServerError('bad-request', 'job: empty');
  let last: Progress = { state: JobState.UNSPECIFIED };
  const following = followJob(jobs, job, AbortSignal.any([signal, draining]));
  try {
    for await (const beat of withHeartbeats(following, limits.heartbeatMs)) {
      if (beat.kind === 'item') last = progressMessage(beat.item);
      yield last;
    }
  } catch (error) {
    if (!draining.aborted) throw error;
    throw new CacheServerError('draining', 'the server stops; another one tells of the job');
  }
}

function progressMessage(progress: JobProgress): Progress {
  const { state, error, itemsTotal, itemsDone, failures, attempts } = progress;
  return {
    state: STATES[state],
    error,
    itemsTotal,
    itemsDone,
    failures: failures.map(({ item, error: why }) => ({ item, error: why })),
    attempts,
    bytes: BigInt(progress.bytes),
    bytesTotal: BigInt(progress.bytesTotal),
    records: BigInt(progress.records),
    partitions: BigInt(progress.partitions),
    etaMs: BigInt(progress.etaMs),
  };
}
