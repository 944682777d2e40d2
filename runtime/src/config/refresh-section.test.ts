import { describe, expect, it } from 'vitest';
import { parseConfig } from './config-source.ts';
import type { Config } from './schema.ts';

/** The rule as it is read. */
function refreshed(rule: string): Config['upstreams'][string]['refresh'][number] | undefined {
  const text = `upstreams: {a: {url: "http://a.example", refresh: [${rule}]}}`;
  return parseConfig(text, { env: {} }).upstreams['a']?.refresh[0];
}

describe('a rule of what is fetched by the clock', () => {
  it('has headers by token, in lower case, and a time zone', () => {
    const rule = `{path: /x, cron: "0 5 * * *", timeZone: Europe/Berlin, headers: {X-Api.Version: "2\\té"}}`;
    expect(refreshed(rule)).toEqual({
      path: '/x',
      cron: '0 5 * * *',
      timeZone: 'Europe/Berlin',
      headers: { 'x-api.version': '2\té' },
      jitter: 0,
    });
  });

  it.each([
    [
      'every: 5s, timeZone: Foo/Bar',
      'timeZone: found "Foo/Bar", expected a time zone such as UTC or Europe/P',
    ],
    ['cron: "0 5 * * *", timeZone: Foo/Bar', 'timeZone: found "Foo/Bar", expected a time zone such as UTC'],
    ['every: 5s, timeZone: ""', 'timeZone: found "", expected a time zone such as UTC or Europe/Prague'],
    [
      'every: 5s, headers: {"bad name": x}',
      'headers.bad name: found the name "bad name", expected a header nam',
    ],
    [
      'every: 5s, headers: {"Authorization: Bearer hush"}',
      'headers.Authorization:…: found the name "Authorization:…", expected a header name, such as accept',
    ],
    ['every: 5s, headers: {"": x}', 'headers.: found the name "", expected a header name'],
    ['every: 5s, headers: {accept: "a\\nb: c"}', 'headers.accept: found a value, expected a header value'],
    ['every: 5s, headers: {accept: "č"}', 'headers.accept: found a value, expected a header value'],
  ])('is refused by name: %s', (rest, line) => {
    expect(() => refreshed(`{path: /x, ${rest}}`)).toThrow(`config:1: upstreams.a.refresh.0.${line}`);
  });
});
