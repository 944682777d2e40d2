import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { rootDirectory, runTool } from '../../scripts/tool-process.ts';
import type { TestCounts } from '../../scripts/test-counts.ts';

// A real vitest runs real files in a tree of its own, so that what is counted is what vitest does, not what we think.
let tree = '';

beforeEach(() => {
  tree = mkdtempSync(join(tmpdir(), 'pannier-counts-'));
  mkdirSync(join(tree, 'test'));
  symlinkSync(join(rootDirectory, 'node_modules'), join(tree, 'node_modules'));
  const reporter = JSON.stringify(join(rootDirectory, 'scripts', 'count-reporter.ts'));
  writeFileSync(
    join(tree, 'vitest.config.ts'),
    `import { CountReporter } from ${reporter};
     const tests = { name: 'unit', include: ['test/*.test.ts'] };
     export default { test: { projects: [{ extends: true, test: tests }], reporters: [new CountReporter()] } };`,
  );
});

afterEach(() => rmSync(tree, { recursive: true, force: true }));

async function count(files: Record<string, string>, ...args: string[]): Promise<TestCounts> {
  for (const [name, text] of Object.entries(files)) {
    writeFileSync(
      join(tree, 'test', name),
      `import { beforeAll, describe, test, expect } from 'vitest';\n${text}\n`,
    );
  }
  const countsFile = join(tree, 'counts.json');
  await runTool(['vitest', 'run', '--root', tree, ...args], { env: { COUNTS_FILE: countsFile } });
  return JSON.parse(readFileSync(countsFile, 'utf8')) as TestCounts;
}

test('passed and failed tests are counted, and files by their group', async () => {
  const counts = await count({
    'a.test.ts': `test('one', () => {}); test('two', () => expect(1).toBe(2));`,
    'b.test.ts': `test('three', () => {});`,
  });
  expect(counts).toEqual({ passed: 2, failed: 1, remarks: [], filesByGroup: { unit: 2 } });
});

test('a skipped test, a todo and a test that skips itself count as failed, by name', async () => {
  const counts = await count({
    'a.test.ts': `test('one', () => {}); test.skip('two', () => {}); test.todo('three');
                  test('four', (context) => context.skip('no such program'));`,
  });
  expect(counts).toMatchObject({ passed: 1, failed: 3 });
  expect(counts.remarks.join('\n')).toMatch(/two\n.*three\n.*four \(no such program\)/);
});

test('tests left out by the name that was asked for are not held against the run', async () => {
  const counts = await count({ 'a.test.ts': `test('one', () => {}); test('two', () => {});` }, '-t', 'one');
  expect(counts).toMatchObject({ passed: 1, failed: 0 });
});

test('a file that does not load counts as failed', async () => {
  const counts = await count({
    'a.test.ts': `throw new Error('broken');`,
    'b.test.ts': `test('one', () => {});`,
  });
  expect(counts).toMatchObject({ passed: 1, failed: 1 });
  expect(counts.remarks).toEqual([expect.stringContaining('a.test.ts')]);
});

test('a suite whose preparation fails counts as failed together with the tests it kept from running', async () => {
  const counts = await count({
    'a.test.ts': `describe('s', () => { beforeAll(() => { throw new Error('no'); }); test('one', () => {}); });`,
  });
  expect(counts.passed).toBe(0);
  expect(counts.failed).toBeGreaterThanOrEqual(1);
});

test('an error outside every test counts as failed', async () => {
  const counts = await count({
    'a.test.ts': `test('one', async () => { setTimeout(() => { throw new Error('late'); }, 1);
                  await new Promise((resolve) => setTimeout(resolve, 50)); });`,
  });
  expect(counts).toMatchObject({ passed: 1, failed: 1 });
});

test('a run without any test counts as failed', async () => {
  expect(await count({})).toMatchObject({ passed: 0, failed: 1 });
});

test('without a file for the counts the run ends with the line itself', async () => {
  writeFileSync(join(tree, 'test', 'a.test.ts'), `import { test } from 'vitest'; test('one', () => {});`);
  const { ok, output } = await runTool(['vitest', 'run', '--root', tree], { env: { COUNTS_FILE: '' } });
  expect(ok).toBe(true);
  expect(output.trimEnd().split('\n').at(-1)).toBe('1 passed, 0 failed');
});
