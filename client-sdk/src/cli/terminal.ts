/** Where answers are written: text without control characters, colour only where it is wanted, a reader that leaves no error. */
import { once } from 'node:events';
import { styleText } from 'node:util';

/** Ends the process quietly when nobody reads any more, as in `pannier ls | head`. */
export function endWithReader(): void {
  const { stdout } = process;
  stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(0);
    throw error;
  });
}

/** Writes to standard output and waits for a slow reader. */
export async function print(text: string | Uint8Array): Promise<void> {
  if (!process.stdout.write(text)) await once(process.stdout, 'drain');
}

/** Writes a line to standard error. */
export function note(line: string): void {
  process.stderr.write(`${line}\n`);
}

/** Text from elsewhere on one line: a key or a header may hold what moves a terminal's cursor. */
export function visible(text: string): string {
  return text.replaceAll(/\p{Cc}/gu, '?');
}

type Style = 'bold' | 'dim' | 'green' | 'yellow' | 'red';

/** Styles text when the stream is a terminal and NO_COLOR is not set. */
export function paint(style: Style, text: string, stream: NodeJS.WriteStream = process.stdout): string {
  return styleText(style, text, { stream });
}

/** Rows as columns of equal width; the last one may be as wide as it likes. */
export function textTable(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = header.map((title, column) =>
    Math.max(title.length, ...rows.map((row) => row[column]?.length ?? 0)),
  );
  const line = (cells: readonly string[]): string =>
    cells
      .map((cell, column) => (column === cells.length - 1 ? cell : cell.padEnd(widths[column] ?? 0)))
      .join('  ');
  return [paint('bold', line(header)), ...rows.map(line)].map((text) => `${text}\n`).join('');
}

/** Named counts, the largest first, with bars in proportion. */
export function barChart(counts: Readonly<Record<string, number>>): string {
  const bars = Object.entries(counts)
    .filter(([, count]) => count > 0)
    .toSorted(([, a], [, b]) => b - a);
  const largest = bars[0]?.[1] ?? 1;
  const total = bars.reduce((sum, [, count]) => sum + count, 0);
  const nameWidth = Math.max(...bars.map(([name]) => name.length));
  return bars
    .map(([name, count]) => {
      const bar = '█'.repeat(Math.max(1, Math.round((count / largest) * BAR_WIDTH))).padEnd(BAR_WIDTH);
      const share = `${((count / total) * 100).toFixed(1)}%`.padStart(6);
      return `  ${visible(name).padEnd(nameWidth)}  ${paint(barStyle(name), bar)} ${share}  ${grouped(count)}\n`;
    })
    .join('');
}

const BAR_WIDTH = 30;

function barStyle(outcome: string): Style {
  if (outcome === 'hit' || outcome === 'revalidated' || outcome === 'collapsed') return 'green';
  return outcome.startsWith('bypass') || outcome === 'undeclared-upstream' ? 'dim' : 'yellow';
}

/** `171,075` */
export function grouped(count: number): string {
  return count.toLocaleString('en-US');
}

const STEPS = ' ▁▂▃▄▅▆▇█';
const BINS_MAX = 24;

/** How many of some numbers are of which size, in bins that each double the one before. */
export function histogram(values: readonly number[]): string {
  if (values.length === 0) return '';
  const bin = (value: number): number => Math.min(BINS_MAX - 1, Math.floor(Math.log2(Math.max(1, value))));
  const [first, last] = [Math.min(...values.map(bin)), Math.max(...values.map(bin))];
  const counts = Array.from({ length: last - first + 1 }, () => 0);
  for (const value of values) counts[bin(value) - first] = (counts[bin(value) - first] ?? 0) + 1;
  const largest = Math.max(...counts);
  const bars = counts.map((count) =>
    (STEPS[Math.ceil((count / largest) * (STEPS.length - 1))] ?? ' ').repeat(2),
  );
  return `         ${grouped(2 ** first)} ${paint('green', bars.join(''))} ${grouped(2 ** (last + 1))}\n`;
}

/**
 * A bar on standard error that is gone when it is disposed of.
 *
 * @param total 0 where nobody knows it: then the amount alone is shown; an update may know better
 * @param amount what was done so far, for people
 */
export function progressBar(
  shows: boolean,
  total: number,
  amount = (done: number): string => `${grouped(done)} records`,
): { update(done: number, ofTotal?: number): void } & Disposable {
  let drawnMs = 0;
  return {
    update(done, ofTotal = total) {
      const now = performance.now();
      if (!shows || now - drawnMs < 100) return;
      drawnMs = now;
      const share = Math.min(1, done / Math.max(1, ofTotal));
      const bar = '█'.repeat(Math.round(share * BAR_WIDTH)).padEnd(BAR_WIDTH, '░');
      const known = ofTotal === 0 ? '' : `${bar} ${(share * 100).toFixed(0).padStart(3)} %  `;
      // A line that wraps could not be drawn over.
      const line = fitting(`${known}${amount(done)}`, (process.stderr.columns || 80) - 1);
      process.stderr.write(`\r${line}\u001b[K`);
    },
    [Symbol.dispose]() {
      if (drawnMs > 0) process.stderr.write('\r\u001b[K');
    },
  };
}

/** Without the last facts, where not all have room; half a word or number would be read as another one. */
function fitting(line: string, columns: number): string {
  if (line.length <= columns) return line;
  const end = line.lastIndexOf(', ', columns);
  return line.slice(0, end === -1 ? columns : end);
}
