/** Peak growth of a process's resident set while something runs. */
import { readFileSync } from 'node:fs';

const SAMPLE_MS = 25;

/** Resident bytes of a process now, from /proc. */
function residentBytes(pid: number): number {
  const kib = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
  return Number(kib) * 1024;
}

/** Runs something and says by how many MiB each process grew at its peak, compared with the moment before. */
export async function peakGrowthMiB(pids: readonly number[], run: () => Promise<void>): Promise<number[]> {
  const before = pids.map(residentBytes);
  const peaks = [...before];
  const sampler = setInterval(() => {
    for (const [index, pid] of pids.entries()) peaks[index] = Math.max(peaks[index] ?? 0, residentBytes(pid));
  }, SAMPLE_MS);
  try {
    await run();
  } finally {
    clearInterval(sampler);
  }
  return peaks.map((peak, index) => (peak - (before[index] ?? 0)) / 1024 ** 2);
}
