import { execFileSync } from 'node:child_process';
import { mkdtemp, readFile, readdir, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { create } from '@bufbuild/protobuf';
import {
  ErrorCode,
  ExplainResponseSchema,
  GetStatsResponseSchema,
  InvalidateResponseSchema,
  ListDatasetsResponseSchema,
  ListEntriesResponseSchema,
} from '@pannier/proto';
import { contentDigest, encodeFrame, encodeRecords } from '@pannier/proto/partition-format';
import { afterAll, afterEach, expect, test } from 'vitest';
import { ticketResponse, wholeResponse } from '../transport/scripted-server.fixture.ts';
import type { ServerScript } from '../transport/scripted-server.fixture.ts';
import { endAll, serve } from '../transport/scripted-test.fixture.ts';
import { pannier } from './command.fixture.ts';
import type { Ended } from './command.fixture.ts';

afterEach(endAll);

const folder = await mkdtemp(join(tmpdir(), 'pannier-cli-'));
afterAll(() => rm(folder, { recursive: true }));

const script: ServerScript = {
  lookup: ({ url, headers, reply }) => {
    const echo = headers.find(([name]) => name === 'x-echo')?.[1] ?? 'body\n';
    if (url.endsWith('/broken')) reply(...ticketResponse('v1'));
    else if (url.endsWith('/down')) {
      reply({
        case: 'error',
        value: { code: ErrorCode.UPSTREAM_UNREACHABLE, message: 'geo: connection refused' },
      });
    } else if (url.endsWith('/unstored')) {
      const said = 'pannier-server; fwd=uri-miss; stored=?0; detail=';
      const detail = echo === 'body\n' ? 'set-cookie' : echo;
      reply(...wholeResponse('body', { outcome: 'miss' }, [['Cache-Status', said + detail]]));
    } else {
      const entry = { key: 'geo:original:GET', version: 'v1', freshForMs: 48_000n, shareable: true };
      reply(
        ...wholeResponse(echo, entry, [
          ['Age', '12'],
          ['X-Odd', 'a\u009bb'],
        ]),
      );
    }
  },
  async *fetch({ offset }) {
    yield { case: 'raw', value: { data: Buffer.from('half').subarray(Number(offset)) } };
  },
  async *readPartitions() {
    const records = [
      { name: 'Brno', country: 'CZ', id: 9007199254740993n },
      { name: 'Lyon', country: 'FR', id: 2 },
    ];
    const content = encodeRecords(records);
    const digest = contentDigest(content, 'dataset');
    const stored = {
      scope: 'geo',
      digest,
      frame: await encodeFrame(content, { scope: 'geo', digest, compress: true }),
    };
    yield { case: 'start', value: { version: 'v1', partitions: 1, records: 2n } };
    yield { case: 'partition', value: { name: 'all', stored, records: 2n } };
    yield { case: 'complete', value: { version: 'v1', records: 2n } };
  },
  cache: {
    invalidate: (_call, reply) =>
      reply(null, create(InvalidateResponseSchema, { epoch: 'one', sequence: 7n })),
  },
  admin: {
    explain: (_call, reply) =>
      reply(
        null,
        create(ExplainResponseSchema, {
          outcome: 'hit',
          reasons: ['It belongs to upstream geo.', 'It is fresh.'],
        }),
      ),
    getStats: (_call, reply) =>
      reply(
        null,
        create(GetStatsResponseSchema, {
          lookups: { hit: 900n, miss: 100n },
          store: 'embedded',
          entries: 12n,
          upstreamLoads: {
            geo: { running: 4n, queued: 1200n, concurrencyMax: 4n, breaker: 'half-open' },
            free: { running: 1n },
          },
          uptimeMs: 61_000n,
        }),
      ),
    listEntries: (_call, reply) => {
      const entries = Array.from({ length: 200 }, (_, i) => ({
        key: `geo:original:${i}\u001b[2J`,
        status: 200,
        contentBytes: 2048n,
      }));
      reply(null, create(ListEntriesResponseSchema, { entries, cursor: 'more' }));
    },
    listDatasets: (_call, reply) =>
      reply(
        null,
        create(ListDatasetsResponseSchema, {
          datasets: [{ dataset: 'cities', upstream: 'geo', records: 171_075n, version: 'v1' }],
        }),
      ),
  },
};

test('get writes the body alone to standard output and the reasons to standard error', async () => {
  const { address } = await serve(script);
  const { code, out, err } = await pannier([
    'get',
    'http://api.example/a',
    '-H',
    'X-Echo: caf\u00e9',
    '-s',
    address,
  ]);
  expect(code).toBe(0);
  expect(out).toBe('caf\u00e9');
  expect(err).toMatch(/^outcome +hit, from the cache$/m);
  expect(err).toMatch(/^key +geo:original:GET$/m);
  expect(err).toMatch(/^age +12s, fresh for 48s$/m);
  expect(err).toMatch(/^why +It belongs to upstream geo\.\n +It is fresh\.$/m);
  expect(err).not.toContain('\u001b');
});

test('get says why a response was not stored', async () => {
  const { address } = await serve(script);
  const get = (...rest: string[]): Promise<Ended> =>
    pannier(['get', 'http://api.example/unstored', '-s', address, ...rest]);
  const [known, newer, json] = await Promise.all([get(), get('-H', 'X-Echo: a-new-reason'), get('--json')]);
  expect(known.err).toMatch(/^stored +no, it sets a cookie\nkey +none: nothing is stored$/m);
  expect(newer.err).toMatch(/^stored +no, a-new-reason$/m);
  expect(JSON.parse(json.out)).toMatchObject({ notStored: 'set-cookie' });
});

test('get writes head, file and JSON as it is told', async () => {
  const { address } = await serve(script);
  const file = join(folder, 'body');
  const [withHead, toFile, json] = await Promise.all([
    pannier(['get', '-i', 'http://api.example/a', '-s', address]),
    pannier(['get', '-o', file, 'http://api.example/a', '-s', address]),
    pannier(['get', '--json', 'http://api.example/a', '-s', address]),
  ]);
  expect(withHead.out).toBe('HTTP/1.1 200 OK\r\nage: 12\r\nx-odd: a?b\r\n\r\nbody\n');
  expect(toFile.out).toBe('');
  expect(await readFile(file, 'utf8')).toBe('body\n');
  expect(JSON.parse(json.out)).toMatchObject({
    status: 200,
    outcome: 'hit',
    bytes: 5,
    reasons: ['It belongs to upstream geo.', 'It is fresh.'],
  });
});

test('a pipe or a device is written to, and stays what it is', async () => {
  const { address } = await serve(script);
  const pipe = join(folder, 'pipe');
  execFileSync('mkfifo', [pipe]);
  const command = pannier(['get', '-o', pipe, 'http://api.example/a', '-s', address]);
  expect(await readFile(pipe, 'utf8')).toBe('body\n');
  expect((await command).code).toBe(0);
  expect((await stat(pipe)).isFIFO()).toBe(true);
});

test('a body that breaks off leaves no file, one line and exit code 1', async () => {
  const { address } = await serve(script);
  const file = join(folder, 'broken');
  const { code, err } = await pannier(['get', '-o', file, 'http://api.example/broken', '-s', address]);
  expect({ code, lines: err.trim().split('\n').length }).toEqual({ code: 1, lines: 1 });
  expect(err).toMatch(/^pannier: after 4 bytes/);
  expect(await readdir(folder)).not.toContain('broken.partial');
});

test('failures are one line and exit code 1', async () => {
  const { address } = await serve(script);
  const down = await pannier(['get', 'http://api.example/down', '-s', address]);
  expect(down).toEqual({ code: 1, out: '', err: 'pannier: geo: connection refused\n' });
  const nobody = await pannier(['stats'], { env: { PANNIER_SERVER: '127.0.0.1:1' } });
  expect(nobody).toMatchObject({ code: 1, out: '' });
  expect(nobody.err).toMatch(/^pannier: no cache server answers: 127\.0\.0\.1:1.*\n$/);
});

const REFUSED: readonly (readonly [string[], RegExp])[] = [
  [[], /no command; there are get, stats, ls, purge, dataset/],
  [['constructor'], /no command "constructor"/],
  [['get'], /get: want one URL/],
  [['get', 'ftp://a'], /want an http:\/\/ or https:\/\/ URL/],
  [['get', 'http://a', '--colour'], /--colour/],
  [['ls', '--limit', '0'], /--limit 0/],
  [['purge'], /want a URL, --tag/],
  [['purge', 'geo:original:GET'], /want an http:\/\/ or https:\/\/ URL; a key goes behind --key/],
  [['stats', '--deadline', 'soon'], /--deadline soon/],
  [['stats', '--server', 'nowhere'], /server "nowhere": neither host:port/],
  [['dataset', 'read', 'cities', '--where', 'country'], /--where country: want field=text/],
];

test('a wrong command line is refused in one line with exit code 2', async () => {
  const endings = await Promise.all(REFUSED.map(([args]) => pannier(args)));
  for (const [index, { code, err }] of endings.entries()) {
    expect(err).toMatch(REFUSED[index]![1]);
    expect({ err, code, lines: err.split('\n').length }).toEqual({ err, code: 2, lines: 2 });
  }
});

test('help has examples, and needs no server', async () => {
  const { code, out } = await pannier(['--help']);
  expect(code).toBe(0);
  expect(out).toContain('pannier dataset read cities --where country=CZ');
});

test('help behind a command is of that command alone, and says where the rest is', async () => {
  const [get, read, dataset, nothing] = await Promise.all([
    pannier(['get', '--help']),
    pannier(['dataset', 'read', 'cities', '-h']),
    pannier(['--help', 'dataset']),
    pannier(['nonsense', '--help']),
  ]);
  expect(get).toMatchObject({ code: 0, err: '' });
  expect(get.out).toMatch(
    /^Usage: pannier \[options\] get URL\n\n {2}get URL .*\n(.*\n)* {6}-o, --output FILE/,
  );
  expect(get.out).toMatch(/\nOther commands, .*: pannier --help\n$/);
  expect(get.out).not.toMatch(/purge|warm|--server|--soft/);
  expect(read.out).toContain('--where FIELD:=JSON');
  expect(read.out).not.toContain('rollback');
  expect(dataset.out).toContain('--where FIELD:=JSON');
  expect(dataset.out).toContain('dataset rollback NAME VERSION');
  expect(dataset.out).not.toContain('--output');
  expect(nothing.out).toContain('pannier - ask a Pannier cache server');
});

test('stats, ls, purge and dataset print tables, or JSON for programs', async () => {
  const { address } = await serve(script);
  const run = (...args: string[]): Promise<Ended> =>
    pannier(args, { env: { PANNIER_SERVER: address, http_proxy: 'http://127.0.0.1:1' } });
  const [stats, list, purge, datasets, json] = await Promise.all([
    run('stats'),
    run('ls', '--limit', '3'),
    run('purge', 'http://a.example', '--tag', 'a b', '--tag', 'c', '--soft'),
    run('dataset', 'ls'),
    run('stats', '--json'),
  ]);
  expect(stats.out).toMatch(/^store +embedded, 12 entries$/m);
  expect(stats.out).toMatch(/^upstream +running +queued +limit +breaker$/m);
  expect(stats.out).toMatch(/^geo +4 +1,200 +4 +half-open$/m);
  expect(stats.out).toMatch(/^free +1 +0 +none +none$/m);
  expect(stats.out).toMatch(/^ {2}hit +█{30} +90\.0% {2}900$/m);
  expect(list.out.split('\n')).toHaveLength(5);
  expect(list.out).toMatch(/^200 +2KiB .* geo:original:0\?\[2J$/m);
  expect(list.err).toContain('more than 3');
  expect(purge.out).toBe('made stale tag a b\nmade stale tag c\nmade stale url http://a.example/\n');
  expect(datasets.out).toMatch(/^cities +171,075/m);
  expect(JSON.parse(json.out)).toMatchObject({ lookups: { hit: 900 }, entries: 12 });
});

test('stats of several servers are one table each, with its address; one that does not answer fails behind them', async () => {
  const [first, second] = [await serve(script), await serve(script)];
  const args = ['stats', '-s', first.address, '-s', second.address];
  const [both, json, half] = await Promise.all([
    pannier(args),
    pannier([...args, '--json']),
    pannier([...args, '-s', '127.0.0.1:1']),
  ]);
  const servers = [first.address, second.address];
  const named = (out: string): string[] =>
    [...out.matchAll(/^server +(.*)$/gm)].map(([, name]) => name ?? '');
  expect(both.code).toBe(0);
  expect(named(both.out)).toEqual(servers);
  const lines = json.out.trim().split('\n');
  expect(lines.map((line) => (JSON.parse(line) as { server: string }).server)).toEqual(servers);
  expect({ code: half.code, named: named(half.out) }).toEqual({ code: 1, named: servers });
  expect(half.err).toMatch(/^pannier: no cache server answers: 127\.0\.0\.1:1.*\n$/);
});

test('records are JSON lines, selected by field, every digit kept', async () => {
  const { address } = await serve(script);
  const read = (...where: string[]): Promise<Ended> =>
    pannier(['dataset', 'read', 'cities', '-s', address, ...where.flatMap((condition) => ['-w', condition])]);
  const [all, czech, two] = await Promise.all([read(), read('country=CZ', 'country=SK'), read('id:=2')]);
  expect(all.out.trim().split('\n')).toHaveLength(2);
  expect(czech.out).toBe('{"name":"Brno","country":"CZ","id":9007199254740993}\n');
  expect(two.out).toContain('Lyon');
});

test('a reader that leaves ends the command without a word', async () => {
  const { address } = await serve(script);
  const { code, err } = await pannier(['ls', '--json', '--limit', '1000000', '-s', address], {
    readBytes: 100,
  });
  expect({ code, err }).toEqual({ code: 0, err: '' });
});
