import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { HeaderList } from './headers.ts';
import { invalidatedUrls } from './invalidation.ts';

const target = 'http://a.example/dir/x?q=1';
const urls = (method: string, status: number, headers: HeaderList = []): string[] =>
  invalidatedUrls(method, target, { status, headers });

/** invalidate-… in https://github.com/http-tests/cache-tests */
test('a successful unsafe request outdates its target, a failed or a safe one nothing', () => {
  for (const method of ['POST', 'PUT', 'DELETE', 'PATCH', 'M-SEARCH', 'get'])
    for (const status of [200, 201, 204, 299, 302, 399]) expect(urls(method, status)).toEqual([target]);
  for (const status of [100, 400, 404, 500, 503, 600]) expect(urls('POST', status)).toEqual([]);
  for (const method of ['GET', 'HEAD', 'OPTIONS', 'TRACE', 'PROPFIND']) expect(urls(method, 200)).toEqual([]);
});

test('what Location and Content-Location name goes too, resolved and each once', () => {
  const headers: HeaderList = [
    ['Location', 'y#part'],
    ['content-location', '/z'],
    ['Content-Location', 'http://user:secret@A.example:80/z'],
    ['Location', ''],
  ];
  expect(urls('POST', 201, headers)).toEqual([target, 'http://a.example/dir/y', 'http://a.example/z']);
});

test('nothing of another origin goes, nor what cannot be resolved', () => {
  const others = [
    'http://b.example/',
    'https://a.example/',
    '//a.example:8080/',
    'http://',
    'data:,x',
    'http://[',
    'urn:a',
  ];
  for (const reference of others)
    expect(urls('POST', 200, [['Location', reference]]), reference).toEqual([target]);
  expect(invalidatedUrls('POST', '*', { status: 200, headers: [['Location', '/x']] })).toEqual(['*']);
  expect(invalidatedUrls('POST', 'urn:a', { status: 200, headers: [['Location', 'urn:b']] })).toEqual([
    'urn:a',
  ]);
});

test('origins that stand for one upstream outdate what each other names', () => {
  const headers: HeaderList = [
    ['Location', 'https://a.example/y'],
    ['Content-Location', 'http://b.example/z'],
  ];
  expect(invalidatedUrls('POST', target, { status: 201, headers, origins: ['https://a.example'] })).toEqual([
    target,
    'https://a.example/y',
  ]);
});

test('what is named goes as it is written too, since it is asked for so', () => {
  const headers: HeaderList = [
    ['Location', "/x/../y?q='a'#part"],
    ['Content-Location', 'HTTP://A.example:80/%7ez/./?#'],
  ];
  expect(urls('POST', 201, headers)).toEqual([
    target,
    'http://a.example/y?q=%27a%27',
    "http://a.example/x/../y?q='a'",
    'http://a.example/%7ez/?',
    'http://a.example/%7ez/./?',
  ]);
});

test('whatever is named, only one origin is ever outdated', () => {
  const reference = fc.oneof(fc.webUrl(), fc.webPath(), fc.string());
  fc.assert(
    fc.property(fc.string(), reference, reference, (method, location, contentLocation) => {
      const headers: HeaderList = [
        ['Location', location],
        ['Content-Location', contentLocation],
      ];
      for (const url of urls(method, 200, headers)) expect(new URL(url).origin).toBe('http://a.example');
    }),
  );
});
