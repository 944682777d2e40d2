import { expect, it } from 'vitest';
import { readBaseline } from './baseline.ts';
import { judgedRun } from './judged-run.ts';
import { suiteFolder } from './suite-package.ts';

const TIMEOUT_MS = 300_000;

it(
  'passes every test of the public suite for HTTP caches that it passed before',
  async () => {
    const folder = await suiteFolder();
    const run = await judgedRun(folder, { door: 'reverse', store: 'embedded' }, readBaseline());
    const lost = run.verdicts.filter(({ test }) => run.lost.includes(test.id));
    expect(lost.map(({ test, reason }) => `${test.id}: ${reason}`)).toEqual([]);
    expect(run.lost).toEqual([]);
  },
  TIMEOUT_MS,
);
