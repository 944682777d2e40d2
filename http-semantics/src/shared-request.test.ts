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
