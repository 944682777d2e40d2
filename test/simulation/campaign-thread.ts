/** A thread of a campaign: schedules one after the other, the sums every now and then. */
import { parentPort, workerData } from 'node:worker_threads';
import { VIOLATIONS_MAX, withSchedule } from './campaign.ts';
import type { ThreadNews, ThreadTask } from './campaign.ts';
import { runSchedule } from './schedule.ts';

const NEWS_EVERY = 50;

const { firstSeed, schedules, stride } = workerData as ThreadTask;
let sum: ThreadNews = {
  schedules: 0,
  steps: 0,
  reads: 0,
  failedReads: 0,
  fetches: 0,
  faults: {},
  violated: [],
};
for (let done = 0; done < schedules && sum.violated.length < VIOLATIONS_MAX; done += 1) {
  sum = withSchedule(sum, await runSchedule(firstSeed + done * stride));
  if (done % NEWS_EVERY === 0) parentPort?.postMessage(sum);
}
parentPort?.postMessage(sum);
// What dead processes of the last schedules asked of the upstream still has a real deadline, which nobody waits for.
process.exit();
