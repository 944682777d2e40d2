import { afterEach, describe, expect, test, vi } from 'vitest';
import { findFiles, readText } from '../../scripts/source-files.ts';
import { rootDirectory } from '../../scripts/tool-process.ts';
import { houseFile } from './house-rule.ts';
import { findViolations, houseRules } from './house-rules.ts';

const TEXT_FILES = ['ts', 'md', 'json', 'yaml', 'yml', 'proto', 'sh'].map((extension) => `**/*.${extension}`);
const DOT_FILES = ['.ci/*', '.npmrc', '.gitignore', '.prettierrc.json', '.prettierignore', '.oxlintrc.json'];

/** Texts (and where it matters a path) that break each rule, and some that keep it. Escapes keep them from breaking it here. */
const SAMPLES: Record<string, { path?: string; broken: string[]; kept: string[]; keptPath?: string }> = {
  'file-length': { broken: ['let a;\n'.repeat(301)], kept: ['let a;\n'.repeat(300)] },
  'kebab-case-name': {
    path: 'proxy/src/CachedResponse.ts',
    broken: [''],
    keptPath: 'proxy/src/cached-response.ts',
    kept: [''],
  },
  'telling-name': {
    path: 'proxy/src/utils/clock.ts',
    broken: [''],
    keptPath: 'proxy/src/shared-ring.ts',
    kept: [''],
  },
  'function-length': {
    broken: [`const f = () => {${'\n'.repeat(70)}};`, `class A { m() {${'\n'.repeat(70)}} }`],
    kept: [`function f() {${'\n'.repeat(69)}}`, `describe('a chapter', () => {${'\n'.repeat(200)}});`],
  },
  'parameter-count': {
    broken: [
      'function f(a, b, c, d) {}',
      'class A { constructor(a, b, c = 1, ...d) {} }',
      'interface A { m(a: 1, b: 1, c: 1, d: 1): void }',
      'type F = (a: 1, b: 1, c: 1, d: 1) => void;',
    ],
    kept: ['function f(this: Date, a, b, { c, d, e }) {}', 'fc.property(w, x, y, z, (a, b, c, d) => {});'],
  },
  'no-any': {
    broken: ['let a: any;', 'let a = b as any;', 'let a: Map<string, any>;'],
    kept: ['let any: unknown;'],
  },
  'no-empty-catch': {
    broken: ['try { f(); } catch {}', 'try { f(); } catch (e) { /* fine */ }'],
    kept: ['try { f(); } catch { n += 1; }'],
  },
  'environment-in-config-only': {
    broken: ['const a = process.env;', 'f(process.env.A);', "import { env } from 'node:process';"],
    kept: ["import { argv } from 'node:process';", 'const env = process.argv;'],
  },
  'no-quieted-test': {
    broken: [
      "test.skip('a', f);",
      "describe.only('a', f);",
      "it.each([1]).todo('a');",
      "test.runIf(x)('a', f);",
    ],
    kept: ["test('skip', f);", 'list.only;', "test.each([1])('a', f);"],
  },
  'own-package-by-relative-path-only': {
    broken: [
      "import { a } from '../../runtime/src/log.ts';",
      "export type * from '../../proto/src/index.ts';",
    ],
    kept: ["import { a } from './admin.ts';", "import { a } from '@pannier/runtime';"],
  },
  'no-barrel': {
    broken: ["export * from './a.ts';\nexport { b } from './b.ts';"],
    kept: ["export * from './a.ts';\nexport const b = 1;", "import './a.ts';"],
  },
  'nothing-left-unfinished': { broken: ['// TOD\u{4f}: later', '// FIXM\u{45}'], kept: ['// all done'] },
  'nothing-silenced': {
    broken: ['// @ts-ignor\u{65}', '// oxlint-disabl\u{65}-next-line'],
    kept: ['// quiet'],
  },
  'no-registry': { broken: ['// https://registry.npmj\u{73}.org/a'], kept: ['// npm'] },
  'no-folder-beside-the-repository': {
    broken: ['// see ../share\u{64}/page.md'],
    kept: ['// ../shared-ring.ts'],
  },
  'no-path-of-this-machine': { broken: [`// ${rootDirectory}/a`], kept: ['// ./a'] },
  'no-registry-of-this-machine': { broken: [`// https://packages.example/a`], kept: ['// packages'] },
};

describe('every file of the repository keeps the house rules', () => {
  const files = findFiles(rootDirectory, [...TEXT_FILES, ...DOT_FILES]).map((path) =>
    houseFile(path, readText(rootDirectory, path)),
  );

  test('there are files to look at', () => {
    expect(files.length).toBeGreaterThan(50);
  });

  test.each(houseRules.map((rule) => [rule.name, rule] as const))('%s', (_name, rule) => {
    expect(files.flatMap((file) => findViolations(file, [rule]))).toEqual([]);
  });
});

describe('every house rule can fail', () => {
  afterEach(() => vi.unstubAllEnvs());

  test.each(houseRules.map((rule) => [rule.name, rule] as const))('%s', (name, rule) => {
    const { path = 'proxy/src/sample.ts', broken, kept, keptPath = path } = SAMPLES[name]!;
    vi.stubEnv('npm_config_registry', 'https://packages.example/');
    for (const text of broken) expect(findViolations(houseFile(path, text), [rule]), text).not.toEqual([]);
    for (const text of kept) expect(findViolations(houseFile(keptPath, text), [rule]), text).toEqual([]);
  });
});
