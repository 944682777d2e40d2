import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import { connect, createServer as createTcpServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { create } from '@bufbuild/protobuf';
import {
  DescribeDatasetResponseSchema,
  DiffVersionsResponseSchema,
  ListDatasetsResponseSchema,
} from '@pannier/proto';
import { afterEach, expect, onTestFinished, test } from 'vitest';
import { ticketResponse } from '../transport/scripted-server.fixture.ts';
import type { ServerScript } from '../transport/scripted-server.fixture.ts';
import { endAll, serve } from '../transport/scripted-test.fixture.ts';
import { pannier } from './command.fixture.ts';

afterEach(endAll);

const fields = [{ name: 'sku', types: ['integer'], present: 2n }];
const script = (asked: string[] = []): ServerScript => ({
  async *readPartitions({ version }) {
    asked.push(version);
    yield { case: 'start', value: { version, partitions: 0, records: 0n } };
    yield { case: 'complete', value: { version, records: 0n } };
  },
  cache: {
    describeDataset: ({ request: { dataset } }, reply) => {
      if (dataset === 'broken') reply({ code: 5, details: 'broken: its upstream is down' });
      else if (dataset !== 'late') {
        const description = { dataset, version: 'v1', records: 2n, fields };
        reply(null, create(DescribeDatasetResponseSchema, { description }));
      }
    },
  },
  admin: {
    listDatasets: (_call, reply) => {
      const datasets = [{ dataset: 'broken' }, { dataset: 'items' }];
      reply(null, create(ListDatasetsResponseSchema, { datasets }));
    },
    diffVersions: ({ request: { fromVersion } }, reply) => {
      const records = { recordsChanged: 1002n, changes: [{ before: '{"a":1}', after: '{"a":2}' }] };
      const changed = [{ name: 'all', records: 3000n }];
      reply(
        null,
        create(DiffVersionsResponseSchema, fromVersion === 'keyed' ? { changed, ...records } : { changed }),
      );
    },
  },
});

test('a read that finds nothing says when a value has another type than the field, and of which version', async () => {
  const asked: string[] = [];
  const { address } = await serve(script(asked));
  const read = ['dataset', 'read', 'items', '-s', address, '--version', 'v0', '-w'];
  const [wrong, right] = await Promise.all([pannier([...read, 'sku=5']), pannier([...read, 'sku:=5'])]);
  expect(wrong).toMatchObject({ code: 0, out: '' });
  expect(wrong.err).toMatch(/^pannier: sku is integer here, .*: try --where sku:=5\n$/);
  expect(right).toEqual({ code: 0, out: '', err: '' });
  expect(asked).toEqual(['v0', 'v0']);
});

test('a diff says how many records it does not show, and how to see which records differ', async () => {
  const { address } = await serve(script());
  const diff = (from: string): ReturnType<typeof pannier> =>
    pannier(['dataset', 'diff', 'items', from, '-s', address]);
  const [keyed, keyless] = await Promise.all([diff('keyed'), diff('keyless')]);
  expect(keyed.out).toMatch(/^records: 0 added, 1,002 changed, 0 removed$/m);
  expect(keyed.out).toMatch(/^and 1,001 more: see --limit$/m);
  expect(keyless.out).not.toContain('records:');
  expect(keyless.err).toContain('declares its `key`');
});

test('types of the datasets that can be described are written, the others are named', async () => {
  const { address } = await serve(script());
  const { code, out, err } = await pannier(['types', '-s', address]);
  expect(code).toBe(1);
  expect(out).toContain('export interface Items {\n  readonly sku: number;\n}');
  expect(err).toMatch(/^pannier: no types of broken: .*its upstream is down\n$/);
});

test('an answer that does not come in time, and a port that is no cache server, are told in plain words', async () => {
  const { address } = await serve(script());
  const late = await pannier(['dataset', 'show', 'late', '-s', address, '--deadline', '3s']);
  expect(late).toMatchObject({ code: 1, out: '' });
  // The server, which is told how long the client waits, may be the first to say so.
  expect(late.err.replace('in time', 'within 3 s')).toBe(
    `pannier: ${address}: no answer within 3 s; what was asked for may still be on its way; ask again, or wait longer with --deadline 60s\n`,
  );
  const web = createServer((_request, response) => void response.end('hello'));
  web.listen(0, '127.0.0.1');
  await once(web, 'listening');
  onTestFinished(() => void web.close());
  const elsewhere = await pannier(['stats', '-s', `127.0.0.1:${(web.address() as AddressInfo).port}`]);
  expect(elsewhere.err).toMatch(/what listens there does not speak gRPC\n$/);
});

test('an interrupted download leaves no file', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'pannier-body-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  const { address } = await serve({
    lookup: ({ reply }) => reply(...ticketResponse('v1')),
    async *fetch() {
      for (;;) {
        yield { case: 'raw', value: { data: Buffer.from('more') } };
        await delay(100);
      }
    },
  });
  const begun = async (): Promise<void> => {
    while (!existsSync(join(folder, 'body.partial'))) await delay(10);
  };
  const { code } = await pannier(['get', '-o', join(folder, 'body'), 'http://api.example/a', '-s', address], {
    interrupted: begun(),
  });
  expect(code).toBe(130);
  expect(await readdir(folder)).toEqual([]);
});

test('a server that accepts a connection late is waited for, for half of the deadline', async () => {
  const { address } = await serve(script());
  const [host, port] = address.split(':');
  // Longer than any other client waits.
  const late = createTcpServer((client) => {
    client.on('error', () => client.destroy());
    setTimeout(() => {
      const server = connect(Number(port), host).on('error', () => client.destroy());
      client.once('close', () => server.destroy());
      client.pipe(server).pipe(client);
    }, 1500);
  });
  late.listen(0, '127.0.0.1');
  await once(late, 'listening');
  onTestFinished(() => void late.close());
  const { port: latePort } = late.address() as AddressInfo;
  const answered = await pannier(['dataset', 'ls', '-s', `127.0.0.1:${latePort}`]);
  expect({ code: answered.code, err: answered.err }).toEqual({ code: 0, err: '' });
});
