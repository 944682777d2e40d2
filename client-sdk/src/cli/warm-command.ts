/** `pannier warm`: has URLs and datasets fetched before anybody asks, and shows how far that has come. */
import { ConfigError, formatBytes, formatDuration } from '@pannier/runtime';
import { PannierError } from '../index.ts';
import type { PannierClient, WarmJob, WarmProgress } from '../index.ts';
import type { CommandLine } from './command-line.ts';
import { grouped, note, print, progressBar, visible } from './terminal.ts';

/** How often a line is written where no bar can be drawn, in milliseconds. */
const LINE_EVERY_MS = 2000;
/** The rate is that of the last so many messages, once they span so many milliseconds. */
const RATE_MARKS_MAX = 12;
const RATE_MS_MIN = 200;
/** So many failures stand in the message itself. */
const FAILURES_TOLD = 3;

/** Starts a job, or follows one that was started before. @throws PannierError when a part of it failed: exit code 1 */
export async function warmCommand(line: CommandLine, client: PannierClient): Promise<void> {
  const job = await jobOf(line, client);
  if (!line.wait) {
    await print(line.json ? `${JSON.stringify({ job: job.id })}\n` : `${job.id}\n`);
    return;
  }
  if (!line.json) note(`job ${job.id}`);
  const last = await follow(job, line.json);
  if (last?.state === 'completed') {
    if (!line.json) await print(`${summary(last)}\n`);
    return;
  }
  if (!line.json && last !== undefined && last.failures.length > FAILURES_TOLD)
    for (const { item, error } of last.failures) note(`${visible(item)}: ${visible(error)}`);
  throw new PannierError('bad-data', visible(last?.error ?? 'the job ended without a word'));
}

async function jobOf(
  { operands, datasets, job, headers }: CommandLine,
  client: PannierClient,
): Promise<WarmJob> {
  if (job !== undefined) {
    if (operands.length + datasets.length > 0)
      throw new ConfigError('warm: want either --job or what to fetch');
    return client.warmJob(job);
  }
  if (operands.length + datasets.length === 0) throw new ConfigError('warm: want URLs, or --dataset NAME');
  const wrong = operands.find((text) => !/^https?:$/.test(URL.parse(text)?.protocol ?? ''));
  if (wrong !== undefined) throw new ConfigError(`warm ${wrong}: want an http:// or https:// URL`);
  return await client.warm({ urls: operands, datasets, headers: headers as [string, string][] });
}

/** Draws, writes lines, or JSON. @returns the last that was told */
async function follow(job: WarmJob, json: boolean): Promise<WarmProgress | undefined> {
  const draws = process.stderr.isTTY && !json;
  const rate = new Rate();
  let last: WarmProgress | undefined;
  let notedAtMs = -Infinity;
  using bar = progressBar(draws, 0, () => (last === undefined ? '' : facts(last, rate)));
  for await (const progress of job.progress()) {
    const hasChanged = JSON.stringify(progress) !== JSON.stringify(last);
    last = progress;
    const { bytes, bytesTotal, itemsDone, itemsTotal } = progress;
    rate.note(bytes);
    if (json && hasChanged) await print(`${JSON.stringify(progress)}\n`);
    else if (draws)
      bar.update(...(bytesTotal > 0 ? ([bytes, bytesTotal] as const) : ([itemsDone, itemsTotal] as const)));
    else if (!json && hasChanged && !isOver(progress) && performance.now() - notedAtMs >= LINE_EVERY_MS) {
      notedAtMs = performance.now();
      note(`${progress.state}: ${facts(progress, rate)}`);
    }
  }
  return last;
}

function isOver({ state }: WarmProgress): boolean {
  return state === 'completed' || state === 'failed';
}

function facts(progress: WarmProgress, rate: Rate): string {
  const { state, bytes, bytesTotal, records, itemsDone, itemsTotal, etaMs } = progress;
  return [
    `${itemsDone} of ${itemsTotal}`,
    bytesTotal > 0 ? `${formatBytes(bytes)} of ${formatBytes(bytesTotal)}` : formatBytes(bytes),
    ...(rate.bytesPerS > 0 && state === 'active' ? [`${formatBytes(rate.bytesPerS)}/s`] : []),
    ...(records > 0 ? [`${grouped(records)} records`] : []),
    ...(etaMs > 0 && state === 'active'
      ? [`${formatDuration(Math.max(1000, Math.round(etaMs / 1000) * 1000))} left`]
      : []),
    ...(state === 'waiting' ? ['waits for a worker'] : []),
  ].join(', ');
}

function summary({ itemsTotal, bytes, records, partitions }: WarmProgress): string {
  const what = itemsTotal === 1 ? '1 of 1 is' : `${itemsTotal} of ${itemsTotal} are`;
  const cut = records > 0 ? `, ${grouped(records)} records in ${grouped(partitions)} partitions` : '';
  return `${what} stored: ${formatBytes(bytes)}${cut}`;
}

/** Bytes in the last seconds. */
class Rate {
  readonly #marks: { atMs: number; bytes: number }[] = [];

  note(bytes: number): void {
    this.#marks.push({ atMs: performance.now(), bytes });
    if (this.#marks.length > RATE_MARKS_MAX) this.#marks.shift();
  }

  get bytesPerS(): number {
    const [first, last] = [this.#marks.at(0), this.#marks.at(-1)];
    if (first === undefined || last === undefined || last.atMs - first.atMs < RATE_MS_MIN) return 0;
    return Math.round(((last.bytes - first.bytes) / (last.atMs - first.atMs)) * 1000);
  }
}
