import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { findFiles } from '../../scripts/source-files.ts';
import { rootDirectory } from '../../scripts/tool-process.ts';
import { findBrokenPromises } from './doc-links.ts';

let tree = '';

beforeEach(() => {
  tree = mkdtempSync(join(tmpdir(), 'pannier-docs-'));
  write('package.json', '{ "scripts": { "check": "true" } }');
});

afterEach(() => rmSync(tree, { recursive: true, force: true }));

function write(path: string, text: string): void {
  mkdirSync(join(tree, dirname(path)), { recursive: true });
  writeFileSync(join(tree, path), text);
}

test('the pages of this repository keep their promises', () => {
  const pages = findFiles(rootDirectory, ['**/*.md']);
  expect(pages).toContain('README.md');
  expect(pages.flatMap((page) => findBrokenPromises(rootDirectory, page))).toEqual([]);
});

test('a link to a file that is not there leads nowhere', () => {
  write('docs/PAGE.md', '[here](../README.md) [there](./MISSING.md "title") ![image](<a picture.png>)');
  write('README.md', '');
  expect(findBrokenPromises(tree, 'docs/PAGE.md')).toEqual([
    'docs/PAGE.md: ./MISSING.md leads nowhere',
    'docs/PAGE.md: a picture.png leads nowhere',
  ]);
});

test('a link to a heading that is not there leads nowhere', () => {
  write(
    'README.md',
    '# One `get`, in steps\n[a](#one-get-in-steps) [b](#two) [c](OTHER.md#x) [d](OTHER.md#what-now)',
  );
  write('OTHER.md', '## What now?');
  expect(findBrokenPromises(tree, 'README.md')).toEqual([
    'README.md: #two leads nowhere',
    'README.md: OTHER.md#x leads nowhere',
  ]);
});

test('a link out of the repository leads nowhere, one to the web is taken on trust', () => {
  write(
    'README.md',
    '[a](../outside.md) [b](https://www.rfc-editor.org/rfc/rfc9111) [c](mailto:a@example.org)',
  );
  expect(findBrokenPromises(tree, 'README.md')).toEqual(['README.md: ../outside.md leads nowhere']);
});

test('what looks like a link in code is code', () => {
  write('README.md', 'call `list[0](a)`\n\n```\nrun[1](b)\n```\n');
  expect(findBrokenPromises(tree, 'README.md')).toEqual([]);
});

test('a script that package.json lacks is a broken promise', () => {
  write('README.md', '`npm run check` and `npm run dance`');
  expect(findBrokenPromises(tree, 'README.md')).toEqual(['README.md: package.json has no script dance']);
});
