/** One attempt at a job: its parts that are not stored yet, some at a time, and how it ended. */
import { abortable } from '@pannier/runtime';
import type { Clock } from '../clock.ts';
import { asCacheServerError, CacheServerError } from '../errors.ts';
import type { CacheServerErrorCode } from '../errors.ts';
import type { JobLimits, JobTask, JobWork } from './job-queue.ts';
import { JobTally } from './job-tally.ts';
import type { JobCheckpoint } from './job-tally.ts';

/** What an attempt needs. */
export interface JobRun {
  readonly work: JobWork;
  readonly limits: Pick<JobLimits, 'jobItemsAtOnceMax' | 'jobDeadlineMs'>;
  readonly clock: Clock;
  /** Aborted when somebody else shall go on with the job, or nobody. */
  readonly signal: AbortSignal;
  /** What an earlier attempt came to. */
  readonly former: JobCheckpoint | undefined;
  /** Asked before each part whether the job is still whose attempt this is; rejects, and has the signal aborted, when it is not. Absent where it always is. */
  readonly confirm?: () => Promise<void>;
  /** Told how far it has come, several times a second while that changes, and at the end. */
  readonly report: (checkpoint: JobCheckpoint) => Promise<void>;
}

/** How an attempt ended, unless its signal ended it: then it rejects with the signal's reason. */
export interface JobOutcome {
  /** '' when everything is stored. */
  readonly error: string;
  /** Whether another attempt would end no better. */
  readonly isFinal: boolean;
}

const REPORT_EVERY_MS = 200;
const FAILURES_TOLD_MAX = 3;
/** How often a part waits for as long as its upstream asks for, and for how long at least. */
const PAUSES_MAX = 20;
const PAUSE_MS_MIN = 250;
/** What is wrong with the request, or with what the upstream has; the next attempt would find it as it is. */
const FINAL: ReadonlySet<CacheServerErrorCode> = new Set([
  'bad-request',
  'forbidden-target',
  'not-found',
  'bad-data',
  'unimplemented',
]);

/** Runs an attempt. */
export async function runJob(task: JobTask, run: JobRun): Promise<JobOutcome> {
  const { clock, limits, signal } = run;
  const items = [
    ...task.urls.map((url) => ({ name: url, isDataset: false })),
    ...task.datasets.map((name) => ({ name, isDataset: true })),
  ];
  const tally = new JobTally(items.length, run.former, () => clock.now());
  const overdue = new AbortController();
  const { jobDeadlineMs } = limits;
  const late = new CacheServerError(
    'deadline',
    `the job took longer than limits.jobDeadlineMs ${jobDeadlineMs}`,
  );
  const leftMs = Math.max(0, tally.startedAtMs + jobDeadlineMs - clock.now());
  const stopDeadline = clock.after(leftMs, () => overdue.abort(late));
  const ended = AbortSignal.any([signal, overdue.signal]);
  const reporting = startReporting(tally, run);
  const failed: { name: string; error: CacheServerError }[] = [];

  const pending = tally.pending;
  const takeTurns = async (): Promise<void> => {
    for (let index = pending.shift(); index !== undefined; index = pending.shift()) {
      const item = items[index];
      if (item === undefined) return;
      try {
        ended.throwIfAborted();
        await run.confirm?.();
        await runItem(item, { index, task, tally, signal: ended, run });
        tally.finish(index);
      } catch (error) {
        // What the end of the whole job broke off did not fail by itself.
        if (ended.aborted) return;
        const ours = asCacheServerError(error);
        tally.fail(index, item.name, ours.message);
        failed.push({ name: item.name, error: ours });
      }
    }
  };
  try {
    await Promise.all(Array.from({ length: limits.jobItemsAtOnceMax }, takeTurns));
  } finally {
    stopDeadline();
    await reporting.end();
  }
  signal.throwIfAborted();
  if (overdue.signal.aborted) return { error: late.message, isFinal: true };
  return {
    error: failureText(failed, items.length),
    isFinal: failed.every(({ error }) => FINAL.has(error.code)),
  };
}

async function runItem(
  { name, isDataset }: { name: string; isDataset: boolean },
  given: { index: number; task: JobTask; tally: JobTally; signal: AbortSignal; run: JobRun },
): Promise<void> {
  const { index, task, tally, signal, run } = given;
  const told = { signal, onProgress: tally.note.bind(tally, index) };
  for (let pauses = 0; ; pauses += 1) {
    try {
      if (isDataset) await run.work.warmDataset(name, told);
      else await run.work.warmUrl(name, task.headers, told);
      return;
    } catch (error) {
      // The upstream has said when it wants to be asked again; nobody is kept waiting by this.
      const pauseMs = error instanceof CacheServerError ? error.retryAfterMs : 0;
      if (pauseMs === 0 || pauses === PAUSES_MAX) throw error;
      await pause(Math.max(pauseMs, PAUSE_MS_MIN), run.clock, signal);
    }
  }
}

async function pause(pauseMs: number, clock: Clock, signal: AbortSignal): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const stop = clock.after(pauseMs, resolve);
  await abortable(promise, signal).finally(stop);
}

function failureText(failed: readonly { name: string; error: CacheServerError }[], items: number): string {
  if (failed.length === 0) return '';
  const told = failed.slice(0, FAILURES_TOLD_MAX).map(({ name, error }) => `${name}: ${error.message}`);
  const rest = failed.length - told.length;
  return `${failed.length} of ${items} failed: ${told.join('; ')}${rest > 0 ? `; and ${rest} more` : ''}`;
}

/** Tells at once, then whenever a moment has passed and something has changed, and at the end. */
function startReporting(tally: JobTally, { clock, report }: JobRun): { end(): Promise<void> } {
  let told = '';
  let turn: Promise<void> = Promise.resolve();
  let stop = (): void => undefined;
  const tell = (): void => {
    const checkpoint = tally.checkpoint();
    const { etaMs: _moving, ...counts } = checkpoint;
    const text = JSON.stringify(counts);
    if (text === told) return;
    told = text;
    turn = turn.then(async () => await report(checkpoint));
  };
  const again = (): void => {
    stop = clock.after(REPORT_EVERY_MS, () => {
      tell();
      again();
    });
  };
  tell();
  again();
  return {
    async end() {
      stop();
      tell();
      await turn;
    },
  };
}
