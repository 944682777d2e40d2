/**
 * `node test/simulation/main.ts [--full] [--seed N] [--schedules N] [--trace]`: several replicas against a simulated clock, network and
 * Redis. A seed is a schedule: `--seed N --schedules 1 --trace` plays one again and tells what happened.
 */
import { parseArgs } from 'node:util';
import { runCampaign } from './campaign.ts';
import { runSchedule } from './schedule.ts';
import type { ScheduleResult } from './schedule.ts';

const SHORT = 1000;
const FULL = 100_000;
const BAR_CELLS = 30;

const { values } = parseArgs({
  options: {
    full: { type: 'boolean', default: false },
    trace: { type: 'boolean', default: false },
    seed: { type: 'string', default: String(Math.trunc(Math.random() * 2 ** 31)) },
    schedules: { type: 'string' },
  },
});
const firstSeed = Number(values.seed);
const schedules = Number(values.schedules ?? (values.trace ? 1 : values.full ? FULL : SHORT));
if (!Number.isInteger(firstSeed) || !Number.isInteger(schedules) || schedules < 1) {
  process.stderr.write('simulation: --seed and --schedules are whole numbers\n');
  process.exit(2);
}

let shown = 0;
function showProgress(done: number): void {
  const step = process.stderr.isTTY ? 50 : Math.max(1000, schedules / 20);
  if (done < schedules && done - shown < step) return;
  shown = done;
  const cells = Math.min(BAR_CELLS, Math.round((BAR_CELLS * done) / schedules));
  const bar = '#'.repeat(cells).padEnd(BAR_CELLS, '.');
  process.stderr.write(
    `${process.stderr.isTTY ? '\r' : ''}[${bar}] ${done}/${schedules}${process.stderr.isTTY ? '' : '\n'}`,
  );
}

function showViolated({ seed, violations }: ScheduleResult): void {
  const again = `again: node test/simulation/main.ts --seed ${seed} --trace`;
  process.stdout.write(`seed ${seed}: ${violations.join('; ')}\n  ${again}\n`);
}

if (values.trace) {
  const { trace, violations } = await runSchedule(firstSeed);
  process.stdout.write(`${trace.join('\n')}\n`);
  process.exit(violations.length > 0 ? 1 : 0);
}

process.stdout.write(`seed ${firstSeed}, ${schedules} schedules\n`);
const beganMs = performance.now();
const campaign = await runCampaign(
  { firstSeed, schedules },
  { onProgress: showProgress, onViolated: showViolated },
);
const seconds = ((performance.now() - beganMs) / 1000).toFixed(0);
if (process.stderr.isTTY) process.stderr.write('\n');
const { steps, reads, failedReads, fetches, faults, violated } = campaign;
process.stdout.write(
  `${campaign.schedules} schedules, ${steps} steps, ${reads} reads (${failedReads} failed), ${fetches} upstream requests, ${seconds} s\n`,
);
for (const [name, count] of Object.entries(faults))
  process.stdout.write(`  ${name.padEnd(14)} in ${count} schedules\n`);
process.stdout.write(
  violated.length === 0 ? 'no violation\n' : `${violated.length} schedules violated something\n`,
);
process.exitCode = violated.length === 0 ? 0 : 1;
