import { expect, test } from 'vitest';
import type { HeaderList } from './headers.ts';
import { looksLikeCredential, requestBypass } from './request-bypass.ts';

const why = (name: string, value = 'x'): string | undefined => requestBypass('GET', [[name, value]]);

test('a plain GET goes through the cache', () => {
  const browser = [
    ['Host', 'api.example'],
    ['User-Agent', 'curl/8'],
    ['Accept', '*/*'],
    ['Accept-Language', 'cs'],
    ['Referer', 'http://x/'],
    ['Content-Length', '0'],
    ['Connection', 'keep-alive'],
    ['If-None-Match', '"a"'],
    ['If-Modified-Since', 'x'],
    ['Cache-Control', 'no-cache'],
    ['traceparent', '00-1-2-01'],
    ['X-Request-Id', '1'],
    ['Sec-Fetch-Mode', 'cors'],
  ] as const;
  expect(requestBypass('GET', browser)).toBeUndefined();
});

test('every other method goes past it, and methods are case-sensitive', () => {
  for (const method of ['HEAD', 'POST', 'PUT', 'DELETE', 'OPTIONS', 'get', 'GET ', '']) {
    expect(requestBypass(method, [])).toBe('bypass-method');
  }
});

test('whatever looks like a credential goes past it', () => {
  const names = [
    'Authorization',
    'COOKIE',
    'Proxy-Authorization',
    'X-API-Key',
    'Api-Key',
    'apikey',
    'X-Auth-Token',
    'X-Amz-Security-Token',
    'Private-Token',
    'X-Client-Secret',
    'Foo-Api-Key',
    'Ocp-Apim-Subscription-Key',
    'X-Goog-Iap-Jwt-Assertion',
    'X-Session-Id',
    'DPoP',
    'X-Auth',
    'X-Forwarded-User',
  ];
  for (const name of names) expect(why(name), name).toBe('bypass-credentials');
  for (const name of ['accept', 'author', 'x-keyword', 'keep-alive', 'user-agent', 'x-authored-by']) {
    expect(looksLikeCredential(name), name).toBe(false);
  }
});

test('an empty credential is still one', () => {
  expect(why('Authorization', '')).toBe('bypass-credentials');
});

test('requests for a part, with a body, a precondition or an expectation go past it', () => {
  expect(why('Range', 'bytes=0-1')).toBe('bypass-range');
  expect(why('Content-Length', '5')).toBe('bypass-body');
  expect(why('Content-Length', 'x')).toBe('bypass-body');
  expect(why('Transfer-Encoding', 'chunked')).toBe('bypass-body');
  expect(why('If-Match', '"a"')).toBe('bypass-precondition');
  expect(why('Expect', '100-continue')).toBe('bypass-expect');
  expect(why('Cache-Control', 'max-age=0, NO-STORE')).toBe('bypass-no-store-request');
});

test('an upgrade goes past it, an offer of h2c does not count as one', () => {
  expect(why('Upgrade', 'websocket')).toBe('bypass-upgrade');
  expect(why('Upgrade', 'h2c, WebSocket')).toBe('bypass-upgrade');
  expect(why('Upgrade', 'h2c')).toBeUndefined();
});

test('what the caller deals with itself does not lead past the cache, and hides nothing else', () => {
  const headers: HeaderList = [
    ['Authorization', 'x'],
    ['Range', 'bytes=0-1'],
    ['If-Match', '"a"'],
  ];
  const allowed = { head: true, credentials: true, range: true, precondition: true };
  expect(requestBypass('HEAD', headers, allowed)).toBeUndefined();
  expect(requestBypass('POST', headers, allowed)).toBe('bypass-method');
  expect(requestBypass('GET', headers, { ...allowed, credentials: false })).toBe('bypass-credentials');
  expect(requestBypass('GET', headers, { ...allowed, range: false })).toBe('bypass-range');
  expect(requestBypass('GET', headers, { ...allowed, precondition: false })).toBe('bypass-precondition');
  const noStore: HeaderList = [...headers, ['Cache-Control', 'no-store']];
  expect(requestBypass('GET', noStore, allowed)).toBe('bypass-no-store-request');
});

test('a header that asks for another method or path than the request line leads past it', () => {
  for (const name of [
    'X-HTTP-Method-Override',
    'x-http-method',
    'X-Method-Override',
    'X-Original-URL',
    'X-Rewrite-URL',
  ])
    expect(why(name), name).toBe('bypass-override');
  for (const name of ['X-Forwarded-Host', 'Forwarded', 'X-Original-Host'])
    expect(why(name), name).toBeUndefined();
});
