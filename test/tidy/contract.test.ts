import { appendFileSync, cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { checkSteps } from '../../scripts/check-steps.ts';
import { findStaleCode } from '../../scripts/generated-code.ts';
import { findFiles } from '../../scripts/source-files.ts';
import { rootDirectory, runTool } from '../../scripts/tool-process.ts';
import type { ToolResult } from '../../scripts/tool-process.ts';

// Copies of the contract and of its code, to be broken in every way that the check must notice.
let tree = '';

beforeEach(() => {
  tree = mkdtempSync(join(tmpdir(), 'pannier-contract-'));
  cpSync(join(rootDirectory, 'buf.yaml'), join(tree, 'buf.yaml'));
  cpSync(join(rootDirectory, 'proto'), join(tree, 'proto'), { recursive: true });
});

afterEach(() => rmSync(tree, { recursive: true, force: true }));

const generated = (): string => join(tree, 'proto', 'src', 'gen');

function firstFile(glob: string): string {
  return join(tree, findFiles(tree, [glob], [])[0] ?? 'nothing');
}

/** Runs the step of `npm run check` on the copy. */
async function runOnCopy(stepName: string): Promise<ToolResult> {
  const command = checkSteps.find((step) => step.name === stepName)?.command ?? [];
  return await runTool(command, { cwd: tree });
}

test('the contract as it stands keeps its style and its promises', async () => {
  expect(await runOnCopy('contract style')).toMatchObject({ ok: true });
  expect(await runOnCopy('contract promises')).toMatchObject({ ok: true });
});

test('a field that is gone breaks a promise', async () => {
  const file = firstFile('proto/**/*.proto');
  writeFileSync(file, readFileSync(file, 'utf8').replace(/^ +\w+ = [1-9]\d*;$|^ +[\w.]+ \w+ = \d+;$/m, ''));
  const { ok, output } = await runOnCopy('contract promises');
  expect(ok).toBe(false);
  expect(output).toMatch(/Previously present (?:field|enum value)/);
});

test('without the baseline the promises are broken, not forgotten', async () => {
  rmSync(join(tree, 'proto', 'baseline.json'));
  expect(await runOnCopy('contract promises')).toMatchObject({ ok: false });
});

test('a message without a comment offends against style', async () => {
  appendFileSync(firstFile('proto/**/*.proto'), '\nmessage Bare {}\n');
  expect(await runOnCopy('contract style')).toMatchObject({
    ok: false,
    output: expect.stringContaining('Bare') as string,
  });
});

test('generated code that was edited, is missing or is left over is stale', async () => {
  expect(await findStaleCode(generated())).toEqual([]);
  const [edited = '', missing = ''] = findFiles(generated(), ['**/*'], []);
  appendFileSync(join(generated(), edited), '// by hand\n');
  rmSync(join(generated(), missing));
  writeFileSync(join(generated(), 'left-over_pb.ts'), '');
  const stale = await findStaleCode(generated());
  expect(stale).toHaveLength(3);
  for (const name of [edited, missing, 'left-over_pb.ts']) expect(stale.join('\n')).toContain(name);
});
