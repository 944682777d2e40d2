/** Latencies as people and programs want them. */

const BAR_WIDTH = 40;

/** The smallest of the values that a share of them does not exceed; NaN of none. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = Float64Array.from(values).toSorted();
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? NaN;
}

/** A bar for each step of a scale that doubles, from the first value to the last: `  512 ms to 1024 ms  ######  1234`. */
export function histogram(valuesMs: readonly number[]): string[] {
  const counts = new Map<number, number>();
  for (const value of valuesMs) {
    const step = Math.max(0, Math.ceil(Math.log2(Math.max(value, 1))));
    counts.set(step, (counts.get(step) ?? 0) + 1);
  }
  const steps = [...counts.keys()];
  const most = Math.max(...counts.values());
  const lines: string[] = [];
  for (let step = Math.min(...steps); step <= Math.max(...steps); step += 1) {
    const count = counts.get(step) ?? 0;
    const bar = '#'.repeat(Math.ceil((count / most) * BAR_WIDTH));
    lines.push(`  up to ${String(2 ** step).padStart(6)} ms  ${bar.padEnd(BAR_WIDTH)}  ${count}`);
  }
  return lines;
}
