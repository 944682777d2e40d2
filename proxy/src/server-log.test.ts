import { createLogger, loadConfig } from '@pannier/runtime';
import { expect, test } from 'vitest';
import { describeFallback, logServers } from './server-log.ts';

test('a lost cache server is said once, and once more when it is back', () => {
  const lines: string[] = [];
  const target = { write: (line: string) => void lines.push(line) };
  const log = logServers(createLogger({ level: 'info', format: 'json' }, 'proxy', target), 'direct');
  const server = '127.0.0.1:7070';
  const down = { kind: 'server-down', server, reason: 'connection refused', retryInMs: 100 } as const;
  log({ kind: 'server-up', server });
  log(down);
  log(down);
  log({ kind: 'server-up', server });
  log({ kind: 'server-up', server });
  log(down);
  const said = lines.map((line) => JSON.parse(line) as { level: string; msg: string; server: string });
  expect(said.map(({ level, msg }) => `${level} ${msg}`)).toEqual([
    'warn a cache server does not answer',
    'info the cache server answers again',
    'warn a cache server does not answer',
  ]);
  expect(said[0]).toMatchObject({ server, reason: 'connection refused', fallback: 'direct' });
});

test('an upstream with a fallback of its own is told with the rest', () => {
  const a = { url: 'http://127.0.0.1:1' };
  const b = { url: 'http://127.0.0.1:2', fallback: 'limited' } as const;
  const told = (fallback: 'limited' | 'stale-only'): string =>
    describeFallback(loadConfig({ env: {}, overrides: { proxy: { fallback }, upstreams: { a, b } } }));
  expect(told('limited')).toBe('limited');
  expect(told('stale-only')).toBe('stale-only (b: limited)');
});
