import type { ServerResponse } from 'node:http';
import { expect, it } from 'vitest';
import { startTestCluster } from './cluster.fixture.ts';
import { readBody } from '../get-entry.fixture.ts';
import { until } from './held-answers.fixture.ts';

const HEADERS = { 'cache-control': 'max-age=60', etag: '"1"', 'surrogate-key': 'a' };

it('who asks after a soft invalidation does not take a confirmation that was asked for before it', async () => {
  const sent: ServerResponse[] = [];
  const cluster = await startTestCluster({
    answer: (_request, response) => response.writeHead(200, HEADERS).end('old'),
  });
  await cluster.get(0, '/a');
  await cluster.landed();
  cluster.answer((_request, response) => void sent.push(response));
  const confirming = [['cache-control', 'no-cache'] as const];
  const first = cluster.get(0, '/a', { headers: confirming });
  await until(() => sent.length === 1);
  await cluster.invalidate([{ kind: 'tag', value: 'a' }], 'soft');
  const later = cluster.get(1, '/a');
  await until(() => cluster.services[1]!.activity().flights === 1);
  sent[0]!.writeHead(304, HEADERS).end();
  expect((await first).outcome).toBe('revalidated');
  await until(() => sent.length === 2);
  sent[1]!.writeHead(200, { ...HEADERS, etag: '"2"' }).end('new');
  expect(String(await readBody((await later).body))).toBe('new');
});
