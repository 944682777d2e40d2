import { existsSync, mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { isBuiltin } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { cruise } from 'dependency-cruiser';
import type { ICruiseResult, IForbiddenRuleType } from 'dependency-cruiser';
import { findFiles, readText } from './source-files.ts';
import { importedSpecifiers, parseModule } from './syntax-tree.ts';

/*
 * dependency-cruiser reads TypeScript only through the JavaScript API of TypeScript below 7. So it is shown a mirror
 * of the tree: for every source file a stub that holds nothing but that file's imports, type imports included, for
 * every library one empty file. What it says about the mirror holds for the tree.
 */

/** Where `@pannier/…` leads: the specifier of each door and the file behind it. */
type Doors = ReadonlyMap<string, string>;

/** Applies the rules to all `.ts` files below `root` and returns one line for each violation. */
export async function findImportViolations(root: string, rules: IForbiddenRuleType[]): Promise<string[]> {
  const mirror = realpathSync(mkdtempSync(join(tmpdir(), 'pannier-imports-')));
  try {
    writeMirror(root, mirror);
    const { output } = await cruise(['.'], {
      baseDir: mirror,
      ruleSet: { forbidden: rules.map((rule) => ({ ...rule, severity: 'error' })) },
      validate: true,
      doNotFollow: { path: '^node_modules/' },
    });
    return describeViolations(output as ICruiseResult, rules);
  } finally {
    rmSync(mirror, { recursive: true, force: true });
  }
}

function writeMirror(root: string, mirror: string): void {
  const doors = findDoors(root);
  const files = findFiles(root, ['**/*.ts'], ['**/node_modules', 'coverage']);
  for (const file of files) {
    const specifiers = importedSpecifiers(parseModule(file, readText(root, file)));
    const imports = specifiers.map((specifier) => mirrorSpecifier(file, specifier, doors));
    for (const { stub } of imports) if (stub !== undefined) writeStub(join(mirror, stub), '');
    writeStub(
      join(mirror, stubPath(file)),
      imports.map(({ text }) => `import ${JSON.stringify(text)};\n`).join(''),
    );
  }
}

/** The specifier as the stub writes it and, for a library, the stub that stands for the whole of it. */
function mirrorSpecifier(file: string, specifier: string, doors: Doors): { text: string; stub?: string } {
  if (isBuiltin(specifier)) return { text: specifier };
  if (specifier.startsWith('.')) return { text: stubPath(specifier) };
  if (specifier.startsWith('@pannier/')) {
    const door = doors.get(specifier);
    return { text: door === undefined ? specifier : relativeSpecifier(file, stubPath(door)) };
  }
  const library = specifier.split('/', specifier.startsWith('@') ? 2 : 1).join('/');
  const stub = `node_modules/${library}/index.js`;
  return { text: relativeSpecifier(file, stub), stub };
}

/** dependency-cruiser takes `.ts` for a language that it cannot read; the names are turned back in its answer. */
function stubPath(path: string): string {
  return path.replace(/\.ts$/, '.ts.js');
}

function relativeSpecifier(fromFile: string, toFile: string): string {
  const path = relative(dirname(fromFile), toFile);
  return path.startsWith('.') ? path : `./${path}`;
}

function writeStub(path: string, text: string): void {
  if (text === '' && existsSync(path)) return;
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
}

function findDoors(root: string): Doors {
  const doors = new Map<string, string>();
  for (const path of findFiles(root, ['*/package.json', 'examples/*/package.json'])) {
    const manifest = JSON.parse(readText(root, path)) as { name: string; exports?: Record<string, string> };
    for (const [door, target] of Object.entries(manifest.exports ?? {})) {
      doors.set(join(manifest.name, door), join(dirname(path), target));
    }
  }
  return doors;
}

function describeViolations(result: ICruiseResult, rules: IForbiddenRuleType[]): string[] {
  const comments = new Map(rules.map((rule) => [rule.name, rule.comment ?? '']));
  return result.summary.violations.map(({ rule, from, to, cycle }) => {
    const path = cycle === undefined ? [from, to] : [from, ...cycle.map((step) => step.name)];
    const names = [...new Set(path)].map((name) =>
      name.replace(/\.ts\.js$/, '.ts').replace(/(node_modules\/.+)\/index\.js$/, '$1'),
    );
    return `${rule.name}: ${names.join(' -> ')}\n    ${comments.get(rule.name) ?? ''}`;
  });
}
