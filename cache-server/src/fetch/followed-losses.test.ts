import { randomBytes } from 'node:crypto';
import type { ServerResponse } from 'node:http';
import { expect, it, vi } from 'vitest';
import { startTestCluster } from './cluster.fixture.ts';
import { SteppingReader } from '../get-entry.fixture.ts';
import { until } from './held-answers.fixture.ts';

const HEADERS = { 'cache-control': 'max-age=60', etag: '"1"' };
const BODY = randomBytes(200_000);

it('a record that a failover of Redis lost costs a follower another fetch, not its body', async () => {
  const sent: ServerResponse[] = [];
  const cluster = await startTestCluster({ answer: (_request, response) => void sent.push(response) });
  void cluster.get(0, '/a').catch(() => undefined);
  await until(() => sent.length === 1);
  sent[0]!.writeHead(200, HEADERS).write(BODY.subarray(0, 1000));
  const reader = new SteppingReader((await cluster.get(1, '/a')).body);
  while (reader.bytes < 1000) await reader.step();
  const append = vi.spyOn(cluster.leases, 'append').mockResolvedValueOnce(true);
  sent[0]!.write(BODY.subarray(1000, 2000));
  await until(() => append.mock.calls.length > 0);
  sent[0]!.write(BODY.subarray(2000, 3000));
  const rest = reader.toEnd();
  await Promise.race([rest, until(() => sent.length === 2)]);
  sent[1]!.writeHead(200, HEADERS).end(BODY);
  expect(await rest).toBe(BODY.length);
});
