import { expect, it } from 'vitest';
import { ConfigError } from '../errors.ts';
import { parseConfig } from './config-source.ts';

const LINK = 'next: link';
const CURSOR = 'next: {cursor: /meta/next, parameter: after}';
const NUMBER = 'next: {parameter: page}';
const TOTAL = 'next: {parameter: page, total: /total}';

function declare(rest: string, endpoint = '/d'): unknown {
  const dataset = `{upstream: geo, endpoint: ${endpoint}, partitionBy: {field: a}, ${rest}}`;
  const text = `upstreams: {geo: {url: "https://api.example"}}\ndatasets: {d: ${dataset}}\n`;
  return parseConfig(text, { path: 'pannier.yaml', env: {} }).datasets['d'];
}

it.each([
  ['pages, strict, without a probe', `pages: {${LINK}, consistency: strict}`, 'pages.consistency'],
  ['a cursor in NDJSON', `format: ndjson, pages: {${CURSOR}}`, 'pages.next.cursor'],
  ['a cursor in CSV', `format: csv, pages: {${CURSOR}}`, 'pages.next.cursor'],
  ['a total in CSV', `format: csv, pages: {${TOTAL}}`, 'pages.next.total'],
  ['a probe of a header and a pointer', 'probe: {endpoint: /v, header: etag, pointer: /v}', 'probe'],
])('refuses %s, naming its path', (_what, rest, path) => {
  expect(() => declare(rest)).toThrow(ConfigError);
  expect(() => declare(rest)).toThrow(`datasets.d.${path}: found`);
});

it('refuses pages of several endpoints, all but the first of which would be left out', () => {
  expect(() => declare(`pages: {${LINK}}`, '[/a, /b]')).toThrow('datasets.d.endpoint: found a list');
  expect(() => declare(`pages: {${LINK}}`, '[/a]')).not.toThrow();
});

it.each([
  `pages: {${LINK}, consistency: strict}, probe: {endpoint: /v}`,
  `pages: {${CURSOR}}`,
  `pages: {${TOTAL}}`,
  `format: csv, pages: {${NUMBER}}`,
  `format: ndjson, pages: {${LINK}}`,
])('takes %s', (rest) => {
  expect(declare(rest)).toMatchObject({ pages: { max: 10_000, restartsMax: 3 } });
});
