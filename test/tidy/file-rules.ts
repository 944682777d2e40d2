import { basename, dirname } from 'node:path';
import { isTypeScript } from './house-rule.ts';
import type { HouseRule } from './house-rule.ts';

const FILE_LINES_MAX = 300;
const WORD = '[a-z0-9]+';
const KEBAB_CASE = new RegExp(`^${WORD}(?:-${WORD})*(?:\\.(?:test|fixture|config))?\\.ts$`);
/** Names that say nothing about what is inside. */
const EMPTY_NAMES = ['utils', 'util', 'helpers', 'helper', 'common', 'shared', 'types', 'manager', 'misc'];
const EMPTY_ENDING = /-(?:utils?|helpers?|manager|misc)$/;

/** Rules about a file as a whole: its length and its name. */
export const fileRules: HouseRule[] = [
  {
    name: 'file-length',
    appliesTo: isTypeScript,
    find: ({ text }) => {
      const lines = text.trimEnd().split('\n').length;
      return lines > FILE_LINES_MAX ? [`${lines} lines, more than ${FILE_LINES_MAX}`] : [];
    },
  },
  {
    name: 'kebab-case-name',
    appliesTo: isTypeScript,
    find: ({ path }) => (KEBAB_CASE.test(basename(path)) ? [] : ['not a kebab-case name']),
  },
  {
    name: 'telling-name',
    appliesTo: isTypeScript,
    find: ({ path }) => {
      const names = [...dirname(path).split('/'), basename(path).replace(/\..*$/, '')];
      const empty = names.filter((name) => EMPTY_NAMES.includes(name) || EMPTY_ENDING.test(name));
      return empty.map((name) => `"${name}" does not say what is inside`);
    },
  },
];
