import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { once } from 'node:events';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { curl } from '../fixture/curl.ts';
import { freePort } from '../fixture/free-port.ts';
import { startMesh } from '../fixture/mesh.ts';

function runServer(...args: string[]): { code: number | null; stderr: string } {
  const { status, stderr } = spawnSync(process.execPath, ['cache-server/src/main.ts', ...args], {
    encoding: 'utf8',
  });
  return { code: status, stderr };
}

function configFile(text: string): string {
  const folder = mkdtempSync(join(tmpdir(), 'pannier-bad-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const path = join(folder, 'pannier.yaml');
  writeFileSync(path, text);
  return path;
}

async function rawAnswer(proxyUrl: string, request: string): Promise<string> {
  const { hostname, port } = new URL(proxyUrl);
  const socket = connect(Number(port), hostname);
  socket.end(request);
  let text = '';
  socket.on('data', (chunk: Buffer) => (text += chunk.toString('latin1')));
  await once(socket, 'close');
  return text;
}

function dataset(rest: string): string {
  return `upstreams: {u: {url: "http://127.0.0.1:1"}}\ndatasets:\n  d:\n    upstream: u\n    endpoint: /d\n    ${rest}\n`;
}

function upstream(rest: string): string {
  return `upstreams:\n  u:\n    url: "http://127.0.0.1:1"\n    ${rest}\n`;
}

it.each([
  ['server:\n  prot: 1\n', 'server.prot'],
  ['upstreams:\n  geo:\n    url: 5\n', 'upstreams.geo.url'],
  [dataset('partitionBy: {shuffle: {}}'), 'datasets.d.partitionBy'],
  [dataset('partitionBy: {hash: {field: a, buckets: 0}}'), 'datasets.d.partitionBy'],
  [
    dataset('partitionBy: {field: a}\n    transform: {expression: "a + "}'),
    'datasets.d.transform.expression',
  ],
  [dataset('partitionBy: {predicate: {big: "a >"}}'), 'datasets.d.partitionBy.predicate.big'],
  [upstream('refresh: [{path: /d, cron: "99 * * * *"}]'), '.yaml:4: upstreams.u.refresh.0.cron'],
  [
    upstream('refresh: [{path: /d, every: 5s, headers: {Cookie: a=b}}]'),
    '.yaml:4: upstreams.u.refresh.0.headers.cookie',
  ],
])('refuses the config %j in one line that names its path, and exits 2', (text, path) => {
  const { code, stderr } = runServer('--config', configFile(text), '--port', '0', '--admin-port', '0');
  expect(code).toBe(2);
  expect(stderr.trim().split('\n')).toHaveLength(1);
  expect(stderr).toContain(path);
});

it('says in one line which port is busy and how to change it', async () => {
  await using mesh = await startMesh({ proxies: 0 });
  const port = mesh.server.listening['grpc']?.split(':').at(-1) ?? '';
  const { code, stderr } = runServer('--port', port, '--admin-port', '0');
  expect(code).toBe(1);
  expect(stderr.trim().split('\n')).toHaveLength(1);
  expect(stderr).toContain(port);
  expect(stderr).toContain('--port');
});

it('answers 502 with Proxy-Status and one line for an upstream that cannot be reached', async () => {
  const dead = `http://127.0.0.1:${await freePort()}`;
  await using mesh = await startMesh({ config: { upstreams: { dead: { url: dead } } } });
  const answer = await curl(`${dead}/x`, mesh.proxyUrl());
  expect(answer.status).toBe(502);
  expect(answer.headers['proxy-status']).toContain('connection_refused');
  expect(answer.body.toString().trim().split('\n')).toHaveLength(1);
});

it('answers 431 for an over-long head, 400 for a malformed request, and goes on', async () => {
  await using mesh = await startMesh();
  const proxy = mesh.proxyUrl();
  const long = `GET http://a.example/ HTTP/1.1\r\nHost: a.example\r\nX-Long: ${'x'.repeat(100_000)}\r\n\r\n`;
  expect(await rawAnswer(proxy, long)).toMatch(/^HTTP\/1\.1 431 /);
  expect(await rawAnswer(proxy, 'NONSENSE\r\n\r\n')).toMatch(/^HTTP\/1\.1 400 /);
  expect(await rawAnswer(proxy, 'GET /nowhere HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n')).toMatch(
    /^HTTP\/1\.1 400 /,
  );
  expect((await curl(`${mesh.upstream.url}/small?id=1`, proxy)).status).toBe(200);
});
