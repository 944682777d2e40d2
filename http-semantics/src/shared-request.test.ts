import { expect, test } from 'vitest';
import { normaliseAcceptEncoding } from './accept-encoding.ts';
import type { HeaderList } from './headers.ts';
import { sharedRequestHeaders } from './shared-request.ts';

test('gzip is asked for only on behalf of clients that surely take it', () => {
  for (const value of [
    'gzip',
    'GZIP',
    'x-gzip',
    'br, gzip;q=0.5',
    '*',
    'gzip ; q=1.000',
    'identity;q=0.5, gzip;q=0.5',
    'gzip;q=0.001',
  ]) {
    expect(normaliseAcceptEncoding(value), value).toBe('gzip');
  }
  const refusals = [
    undefined,
    '',
    'br',
    'identity',
    'gzip;q=0',
    'gzip;q=0.000',
    '*;q=0',
    'gzip;q=0, *',
    'gzip;q=2',
    'gzip;q=',
    'gzip;x=1',
    'identity, gzip;q=0.5',
    'gzipped',
    '"gzip"',
  ];
  for (const value of refusals) expect(normaliseAcceptEncoding(value), value).toBe('identity');
});

const only = (headers: HeaderList, forward: string[] = []): Record<string, string> =>
  Object.fromEntries(sharedRequestHeaders(headers, forward).sent);

test('only listed headers go upstream, sorted and in lower case', () => {
  const headers: HeaderList = [
    ['User-Agent', 'curl'],
    ['X-Forwarded-Host', 'evil'],
    ['X-Tenant', 'a'],
    ['Accept-Language', 'cs, EN;q=0.5'],
    ['Accept', 'Application/JSON'],
    ['Host', 'x'],
  ];
  expect(sharedRequestHeaders(headers, ['X-Tenant']).sent).toEqual([
    ['accept', 'application/json'],
    ['accept-encoding', 'identity'],
    ['accept-language', 'cs,en;q=0.5'],
    ['x-tenant', 'a'],
  ]);
});

test('spellings of one preference are one preference', () => {
  const spellings = [
    'text/html, application/xml;q=0.9',
    'TEXT/HTML ,application/xml ; Q=0.9',
    ',text/html,, application/xml;q=0.9 ,',
    'text/html,\t application/xml;q=0.9',
  ];
  expect(new Set(spellings.map((accept) => only([['Accept', accept]])['accept']))).toEqual(
    new Set(['text/html,application/xml;q=0.9']),
  );
  expect(only([['Accept', 'a/b;profile="X , Y"']])['accept']).toBe('a/b;profile="X , Y"');
});

test('to accept anything is to say nothing', () => {
  expect(
    only([
      ['Accept', ' */* '],
      ['Accept-Language', '*'],
    ]),
  ).toEqual({ 'accept-encoding': 'identity' });
  expect(
    only([
      ['Accept', ''],
      ['Accept-Encoding', 'gzip'],
    ]),
  ).toEqual({ 'accept-encoding': 'gzip' });
});

test('credentials, conditions and framing never go, even if configured', () => {
  const names = [
    'authorization',
    'cookie',
    'x-api-key',
    'if-none-match',
    'range',
    'content-length',
    'host',
    'te',
    'connection',
    'cache-control',
  ];
  expect(
    only(
      names.map((name) => [name, 'x'] as const),
      names,
    ),
  ).toEqual({ 'accept-encoding': 'identity' });
});

test('where everything goes upstream, only the coding joins the key, and no credential goes but by a policy', () => {
  const headers: HeaderList = [
    ['User-Agent', 'curl'],
    ['Cookie', 'a=b'],
    ['Connection', 'close'],
    ['Accept-Encoding', 'gzip, br'],
  ];
  const { keyed, sent } = sharedRequestHeaders(headers, ['*']);
  expect(keyed).toEqual([['accept-encoding', 'gzip']]);
  expect(sent).toEqual([...keyed, ['User-Agent', 'curl']]);
  expect(sharedRequestHeaders(headers, ['*'], { credentials: 'rfc' }).sent).toEqual([
    ...keyed,
    ['User-Agent', 'curl'],
    ['Cookie', 'a=b'],
  ]);
});

/** Known from attacks on shared caches; a well-meant proxy sends some of them with every request. */
const REPHRASING = [
  'Forwarded',
  'X-Forwarded-For',
  'X-Forwarded-Host',
  'X-Forwarded-Proto',
  'X-Forwarded-Port',
  'X-Forwarded-Scheme',
  'X-Forwarded-Server',
  'X-Forwarded-Prefix',
  'X-Original-URL',
  'X-Original-Host',
  'X-Rewrite-URL',
  'X-HTTP-Method-Override',
  'X-HTTP-Method',
  'X-Method-Override',
  'X-Host',
  'X-Real-IP',
  'True-Client-IP',
  'CF-Connecting-IP',
  'Front-End-Https',
];

test.each(REPHRASING)('%s goes upstream by its name only, and then it joins the key', (name) => {
  const headers: HeaderList = [
    [name, 'evil'],
    ['X-Tenant', 'a'],
  ];
  const open = sharedRequestHeaders(headers, ['*']);
  expect(open.sent.map(([sent]) => sent.toLowerCase())).toEqual(['accept-encoding', 'x-tenant']);
  const both = sharedRequestHeaders(headers, ['*', name]);
  for (const { keyed, sent } of [sharedRequestHeaders(headers, [name]), both]) {
    expect(keyed).toContainEqual([name.toLowerCase(), 'evil']);
    expect(sent.filter(([other]) => other.toLowerCase() === name.toLowerCase())).toHaveLength(1);
  }
  expect(both.sent).toContainEqual(['X-Tenant', 'a']);
});

test('what only resembles such a name goes with everything', () => {
  const headers: HeaderList = [
    'X-Client-Name',
    'X-Hostile',
    'X-Request-Id',
    'X-Methodology',
    'X-Path-Id',
  ].map((name) => [name, 'x']);
  expect(sharedRequestHeaders(headers, ['*']).sent.slice(1)).toEqual(headers);
});
