import { expect, it } from 'vitest';
import { parseConfig } from './config-source.ts';

const HEAD = 'upstreams: {a: {url: "http://x"}}\ndatasets:\n  items:\n    upstream: a\n    endpoint: /x\n';
const ALL = 'field, predicate, chunk, hash, date, custom, range, unique, such as {field: country}';

it.each([
  ['', `:3: datasets.items.partitionBy: is required: expected one of the strategies ${ALL}`],
  ['country', `: found "country", expected one of the strategies ${ALL}`],
  ['{feild: a}', `expected one of the strategies ${ALL}; "feild" is none, did you mean field?`],
  ['{chunk: 300}', 'expected in chunk a mapping of keys, such as {chunk: {records: 5000}}'],
  [
    '{date: {field: at, unit: fortnight}}',
    'expected in date.unit one of year, quarter, month, week, day, hour,',
  ],
  ['{field: a, chunk: {records: 3}}', 'for one below the other a list: [{field: …}, {chunk: …}]'],
  ['[{field: a}, {hash: {field: b}}]', 'expected at [1] in hash.buckets a whole number from 1 to 10000,'],
  ['[{field: a}, {unique: {field: b}}]', 'expected unique as the first level only'],
  [
    '{chunk: {record: 5}}',
    'partitionBy.chunk.record: unknown key; did you mean datasets.items.partitionBy.chunk.records?',
  ],
])('of partitionBy %j it is said what would be right', (written, said) => {
  const text = `${HEAD}${written === '' ? '' : `    partitionBy: ${written}`}`;
  expect(() => parseConfig(text, { path: 'pannier.yaml', env: {} })).toThrow(said);
});
