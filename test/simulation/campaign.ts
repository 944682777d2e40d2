/** Many schedules, shared out to threads; the first that violates something is what matters. */
import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import type { ScheduleResult } from './schedule.ts';

/** What was run. */
export interface CampaignResult {
  readonly schedules: number;
  readonly steps: number;
  readonly reads: number;
  readonly failedReads: number;
  readonly fetches: number;
  /** How many schedules had each fault. */
  readonly faults: Readonly<Record<string, number>>;
  readonly violated: readonly ScheduleResult[];
}

/** What a thread is told, and says. */
export interface ThreadTask {
  readonly firstSeed: number;
  readonly schedules: number;
  /** Every how many seeds it takes one. */
  readonly stride: number;
}
export type ThreadNews = Omit<CampaignResult, 'violated'> & { readonly violated: ScheduleResult[] };

/** Violations after which a thread stops: more would say the same. */
export const VIOLATIONS_MAX = 5;

/** What is told while it runs. */
interface CampaignListener {
  onProgress(done: number): void;
  /** Once for each, soon after it was played. */
  onViolated(result: ScheduleResult): void;
}

/** Runs schedules with the seeds from `firstSeed` on. */
export async function runCampaign(
  { firstSeed, schedules }: { firstSeed: number; schedules: number },
  { onProgress, onViolated }: CampaignListener,
): Promise<CampaignResult> {
  const threads = Math.max(1, Math.min(availableParallelism(), schedules));
  const latest: ThreadNews[] = [];
  await Promise.all(
    Array.from({ length: threads }, async (_, thread) => {
      const share = Math.floor(schedules / threads) + (thread < schedules % threads ? 1 : 0);
      const task: ThreadTask = { firstSeed: firstSeed + thread, schedules: share, stride: threads };
      await runThread(task, (news) => {
        for (const result of news.violated.slice(latest[thread]?.violated.length)) onViolated(result);
        latest[thread] = news;
        onProgress(latest.reduce((sum, { schedules: done }) => sum + done, 0));
      });
    }),
  );
  return latest.reduce<CampaignResult>(added, NOTHING);
}

const NOTHING: CampaignResult = {
  schedules: 0,
  steps: 0,
  reads: 0,
  failedReads: 0,
  fetches: 0,
  faults: {},
  violated: [],
};

/** Both together. */
function added(one: CampaignResult, other: CampaignResult): CampaignResult {
  const faults: Record<string, number> = { ...one.faults };
  for (const [name, count] of Object.entries(other.faults)) faults[name] = (faults[name] ?? 0) + count;
  return {
    schedules: one.schedules + other.schedules,
    steps: one.steps + other.steps,
    reads: one.reads + other.reads,
    failedReads: one.failedReads + other.failedReads,
    fetches: one.fetches + other.fetches,
    faults,
    violated: [...one.violated, ...other.violated],
  };
}

/** One more schedule in a sum. */
export function withSchedule(sum: ThreadNews, result: ScheduleResult): ThreadNews {
  const faults = Object.fromEntries(result.faults.map((name) => [name, 1]));
  const violated = result.violations.length > 0 ? [result] : [];
  return {
    ...added(sum, { ...result, schedules: 1, faults, violated: [] }),
    violated: [...sum.violated, ...violated],
  };
}

async function runThread(task: ThreadTask, onNews: (news: ThreadNews) => void): Promise<void> {
  const worker = new Worker(new URL('./campaign-thread.ts', import.meta.url), { workerData: task });
  await new Promise<void>((resolve, reject) => {
    worker.on('message', onNews);
    worker.once('error', reject);
    worker.once('exit', (code) =>
      code === 0 ? resolve() : reject(new Error(`a thread ended with ${code}`)),
    );
  });
}
