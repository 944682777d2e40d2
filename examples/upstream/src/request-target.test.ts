import fc from 'fast-check';
import { expect, test } from 'vitest';
import { readTarget } from './request-target.ts';

test.each([
  ['/a?b=1', '/a', 'b=1'],
  ['/a', '/a', ''],
  ['//a', '//a', ''],
  ['http://upstream:80/a?b=1?c', '/a', 'b=1%3Fc'],
  ['http://upstream', '/', ''],
  ['http://upstream?b=1', '/', 'b=1'],
  ['*', '*', ''],
])('%s is the path %s with the query "%s"', (target, path, query) => {
  const read = readTarget(target);
  expect([read.path, read.query.toString()]).toEqual([path, query]);
});

test('absolute-form and origin-form of one target read the same', () => {
  fc.assert(
    fc.property(fc.webPath(), fc.webQueryParameters(), (path, query) => {
      const originForm = `/${path}?${query}`;
      expect(readTarget(`http://upstream:7099${originForm}`)).toEqual(readTarget(originForm));
    }),
  );
});
