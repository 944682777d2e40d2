import { rootDirectory } from '../../scripts/tool-process.ts';
import { isTypeScript } from './house-rule.ts';
import type { HouseRule } from './house-rule.ts';

// Each pattern is written so that it does not match itself.
const UNFINISHED = /\b(?:TO[D]O|FIX[M]E|X[X]X)\b/;
const SILENCED = /@ts-(?:ignor[e]|nochec[k]|expect-erro[r])|(?:oxlint|eslint)-disabl[e]|prettier-ignor[e]/;
const REGISTRY = /\bregistry\.npmj[s]|\bnpmj[s]\.(?:org|com)\b/;
const NEIGHBOUR_FOLDER = /\.\.\/share[d](?![-\w.])/;

const isLockfile = (path: string): boolean => path === 'package-lock.json';

/** Rules about text, whatever the language of the file. */
export const textRules: HouseRule[] = [
  textRule('nothing-left-unfinished', (path) => !isLockfile(path), UNFINISHED),
  textRule('nothing-silenced', isTypeScript, SILENCED),
  textRule('no-registry', () => true, REGISTRY),
  textRule('no-folder-beside-the-repository', () => true, NEIGHBOUR_FOLDER),
  {
    name: 'no-path-of-this-machine',
    // A root such as /src says nothing about a machine.
    appliesTo: () => rootDirectory.split('/').length > 2,
    find: ({ text }) => linesWith(text, (line) => line.includes(rootDirectory)),
  },
  {
    name: 'no-registry-of-this-machine',
    appliesTo: () => true,
    find: ({ text }) => {
      const host = URL.parse(process.env['npm_config_registry'] ?? '')?.host;
      return host === undefined ? [] : linesWith(text, (line) => line.includes(host));
    },
  },
];

function textRule(name: string, appliesTo: (path: string) => boolean, pattern: RegExp): HouseRule {
  return { name, appliesTo, find: ({ text }) => linesWith(text, (line) => pattern.test(line)) };
}

function linesWith(text: string, matches: (line: string) => boolean): string[] {
  const lines = text.split('\n').map((line, index) => ({ line, number: index + 1 }));
  return lines
    .filter(({ line }) => matches(line))
    .map(({ line, number }) => `${number} ${line.trim().slice(0, 100)}`);
}
