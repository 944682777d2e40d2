import { randomBytes } from 'node:crypto';
import { expect, it, vi } from 'vitest';
import { startTestCluster } from './cluster.fixture.ts';
import { readBody, SteppingReader } from '../get-entry.fixture.ts';
import { heldAnswers, until } from './held-answers.fixture.ts';

const HEADERS = { 'cache-control': 'max-age=60', etag: '"1"' };
const BODY = randomBytes(200_000);

it('a record that a failover of Redis lost costs a follower another fetch, not its body', async () => {
  const { answer, sent } = heldAnswers();
  const cluster = await startTestCluster({ answer });
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

it('a head that a failover of Redis lost is no reason to take the bytes behind it for those of another response', async () => {
  const { answer, sent } = heldAnswers();
  const cluster = await startTestCluster({ answer });
  const headers = { ...HEADERS, 'content-length': BODY.length };
  void cluster.get(0, '/a').catch(() => undefined);
  await until(() => sent.length === 1);
  sent[0]!.writeHead(200, headers).flushHeaders();
  const { body } = await cluster.get(1, '/a');
  for (const name of cluster.leases.held()) cluster.leases.expire(name);
  await until(() => sent.length === 2);
  const append = vi.spyOn(cluster.leases, 'append').mockResolvedValueOnce(true);
  sent[1]!.writeHead(200, { ...HEADERS, etag: '"2"' }).flushHeaders();
  await until(() => append.mock.calls.length > 0);
  sent[1]!.end('another one');
  const read = readBody(body);
  await Promise.race([read, until(() => sent.length === 3)]);
  sent[2]?.writeHead(200, headers).end(BODY);
  expect(await read).toEqual(BODY);
});
