/** `npm run conformance [-- --door reverse|forward --store embedded|redis --full --json --update]`: the public suite for HTTP caches. */
import { parseArgs } from 'node:util';
import { machine } from '../bench/bench.ts';
import { readBaseline, writeBaseline } from './baseline.ts';
import { judgedRun } from './judged-run.ts';
import type { JudgedRun } from './judged-run.ts';
import { publishedWithTheSuite } from './other-caches.ts';
import { baselineLines, combinationName, countsTable, missesList } from './report.ts';
import { suiteFolder, SuiteMissingError } from './suite-package.ts';
import { DOORS, STORES } from './suite-run.ts';
import type { Combination } from './suite-run.ts';
import { worstOf } from './verdict.ts';
import type { Counts } from './verdict.ts';

type Figures = Readonly<Record<string, number | null>>;

const FLAG = { type: 'boolean', default: false } as const;

function refuse(line: string): never {
  process.stderr.write(`conformance: ${line}\n`);
  process.exit(2);
}

function readFlags() {
  try {
    return parseArgs({
      options: {
        door: { type: 'string', default: 'reverse' },
        store: { type: 'string', default: 'embedded' },
        full: FLAG,
        json: FLAG,
        update: FLAG,
      },
    }).values;
  } catch (error) {
    return refuse(error instanceof Error ? error.message : String(error));
  }
}

const values = readFlags();

function oneOf<T extends string>(flag: string, known: readonly T[], given: string): T {
  const found = known.find((name) => name === given);
  return found ?? refuse(`--${flag} ${given}: known are ${known.join(', ')}`);
}

function askedCombinations(): Combination[] {
  if (values.full) return DOORS.flatMap((door) => STORES.map((store) => ({ door, store })));
  return [{ door: oneOf('door', DOORS, values.door), store: oneOf('store', STORES, values.store) }];
}

function commandLine(combinations: readonly Combination[]): string {
  const [{ door, store } = { door: 'reverse', store: 'embedded' }] = combinations;
  const words = values.full
    ? ['--full']
    : [...(door === 'reverse' ? [] : ['--door', door]), ...(store === 'embedded' ? [] : ['--store', store])];
  return ['npm run conformance', ...(words.length === 0 ? [] : ['--', ...words])].join(' ');
}

function figuresOf(counts: Counts | undefined, runs: readonly JudgedRun[]): Figures {
  return {
    requiredPassed: counts?.required.passed ?? null,
    requiredTotal: counts?.required.total ?? null,
    optimalPassed: counts?.optimal.passed ?? null,
    optimalTotal: counts?.optimal.total ?? null,
    behaviourYes: counts?.check.passed ?? null,
    behaviourTotal: counts?.check.total ?? null,
    lost: counts === undefined ? null : runs.reduce((sum, { lost }) => sum + lost.length, 0),
  };
}

async function runAll(folder: string, combinations: readonly Combination[]): Promise<JudgedRun[]> {
  const baseline = readBaseline();
  const runs: JudgedRun[] = [];
  for (const combination of combinations) {
    process.stderr.write(`  ${combinationName(combination)}\n`);
    runs.push(await judgedRun(folder, combination, baseline));
  }
  return runs;
}

function printJson(command: string, figures: Figures): void {
  const result = { name: 'conformance', command, machine: machine(), figures };
  process.stdout.write(`${JSON.stringify(result)}\n`);
}

if (values.update && !values.full) refuse('--update needs --full: the baseline holds everywhere');
const combinations = askedCombinations();
const command = commandLine(combinations);
try {
  const folder = await suiteFolder();
  const runs = await runAll(folder, combinations);
  const [first, ...others] = runs;
  if (first === undefined) throw new Error('nothing was run');
  const worst = worstOf([first.counts, ...others.map(({ counts }) => counts)]);
  const lines = baselineLines(runs);
  if (values.json) {
    printJson(command, figuresOf(worst, runs));
    process.stderr.write(lines.map((line) => `${line}\n`).join(''));
  } else {
    const tests = first.verdicts.map(({ test }) => test);
    const table = countsTable(runs, worst, await publishedWithTheSuite(folder, tests));
    const text = [command, machine(), '', ...table, '', ...missesList(runs), ...lines];
    process.stdout.write(`${text.join('\n')}\n`);
  }
  if (values.update) writeBaseline(runs.map(({ verdicts }) => verdicts));
  else if (runs.some(({ lost }) => lost.length > 0)) process.exitCode = 1;
} catch (error) {
  if (!(error instanceof SuiteMissingError)) throw error;
  process.stderr.write(`conformance: ${error.message}\n`);
  if (values.json) printJson(command, figuresOf(undefined, []));
  process.exitCode = 1;
}
