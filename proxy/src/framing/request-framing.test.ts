import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { framingFault } from './request-framing.ts';
import type { RequestHead } from './request-head.ts';

function requestHead(fields: readonly string[], start: Partial<RequestHead> = {}): RequestHead {
  return { method: 'POST', url: 'http://a.example/x', httpVersion: '1.1', rawHeaders: [...fields], ...start };
}

const HOST = ['Host', 'a.example'];

describe('framingFault', () => {
  it.each([
    [[...HOST, 'Content-Length', '5']],
    [[...HOST, 'transfer-encoding', 'Chunked']],
    [[...HOST, 'Expect', '100-Continue', 'Content-Length', '0']],
    [['Host', '']],
    [['Host', '[::1]:8080']],
    [['Host', 'a_b.example:']],
    [[...HOST, 'X-Custom_Name', 'caf\u00e9']],
  ])('finds none in %j', (fields) => {
    expect(framingFault(requestHead(fields), false)).toBeUndefined();
  });

  it('leaves what a forward proxy, a route and CONNECT are asked for alone', () => {
    const targets = [
      { url: '/x?a=b|c' },
      { url: 'HTTP://a.example:80' },
      { method: 'OPTIONS', url: '*' },
      { url: '/caf\u00c3\u00a9' },
    ];
    for (const start of targets) expect(framingFault(requestHead(HOST, start), false)).toBeUndefined();
    const connect = { method: 'CONNECT', url: '[::1]:443' };
    expect(framingFault(requestHead([...HOST, 'Content-Length', '0'], connect), true)).toBeUndefined();
  });

  it.each([
    [{ httpVersion: '2.0' }, [], 505],
    [{}, ['Transfer-Encoding', 'gzip, chunked'], 501],
    [{}, ['Expect', '200-ok'], 417],
    [{ httpVersion: '1.0' }, ['Transfer-Encoding', 'chunked'], 400],
    [{}, ['Host', 'a.example'], 400],
  ])('answers %j with %j by %j', (start, fields, status) => {
    expect(framingFault(requestHead([...HOST, ...fields], start), false)?.httpStatus).toBe(status);
  });

  it('lets no head pass that says more than one thing about its body or its Host', () => {
    const name = fc.constantFrom(
      'Host',
      'Content-Length',
      'content-length',
      'Content_Length',
      'Transfer-Encoding',
      'TRANSFER-ENCODING',
      'Transfer.Encoding',
      'X',
    );
    const value = fc.oneof(
      fc.constantFrom('0', '5', '05', '+5', '5, 5', 'chunked', 'CHUNKED', 'identity', 'chunked, chunked', ''),
      fc.string({ unit: 'binary-ascii', maxLength: 4 }),
    );
    const lines = fc.array(fc.tuple(name, value), { maxLength: 5 });
    fc.assert(
      fc.property(lines, fc.constantFrom('1.0', '1.1'), (pairs, httpVersion) => {
        if (framingFault(requestHead(pairs.flat(), { httpVersion }), false) !== undefined) return;
        const said = (wanted: RegExp): string[] =>
          pairs.filter(([found]) => wanted.test(found)).map(([, found]) => found.toLowerCase());
        const framing = said(/^(?:content|transfer)[-_.]/i);
        expect(framing.length).toBeLessThanOrEqual(1);
        expect(framing.every((found) => found === 'chunked' || /^(?:0|[1-9]\d*)$/.test(found))).toBe(true);
        expect(said(/^host$/i).length).toBeLessThanOrEqual(1);
        if (httpVersion === '1.0') expect(framing).not.toContain('chunked');
      }),
      { numRuns: 3000 },
    );
  });
});
