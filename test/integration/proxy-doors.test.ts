import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { once } from 'node:events';
import { Agent } from 'node:http';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect as tlsConnect } from 'node:tls';
import { selfSignedCertificate } from '@pannier/example-upstream/certificate';
import { ProxyAgent, request } from 'undici';
import { expect, it, onTestFinished } from 'vitest';
import { curl, curlHead } from '../fixture/curl.ts';
import { eventually } from '../fixture/eventually.ts';
import { startStack } from './proxy-stack.ts';

function certificateFile(pem: string): string {
  const folder = mkdtempSync(join(tmpdir(), 'pannier-ca-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const path = join(folder, 'ca.pem');
  writeFileSync(path, pem);
  return path;
}

it('fetches a declared https upstream over verified TLS for an http request, and caches it', async () => {
  const tls = selfSignedCertificate();
  const ca = certificateFile(tls.cert);
  await using stack = await startStack(
    (url) => ({ upstreams: { geo: { url, ca, match: [url.replace('https:', 'http:')] } } }),
    { tls },
  );
  const url = `${stack.upstream.url.replace('https:', 'http:')}/small?id=1`;
  expect((await curl(url, stack.proxyUrl)).status).toBe(200);
  expect((await curl(url, stack.proxyUrl)).headers['cache-status']).toContain('hit');
  expect(stack.upstream.stats().total).toBe(1);
  // Also where the proxy goes to the upstream by itself.
  const posted = await curl(url.replace('/small?id=1', '/echo'), stack.proxyUrl, {
    method: 'POST',
    body: 'x',
  });
  expect(posted.status).toBe(200);
});

it('refuses a certificate that it cannot verify with 502 and the reason', async () => {
  const tls = selfSignedCertificate();
  await using stack = await startStack(
    (url) => ({ upstreams: { geo: { url, match: [url.replace('https:', 'http:')] } } }),
    { tls },
  );
  const answer = await curl(`${stack.upstream.url.replace('https:', 'http:')}/small?id=1`, stack.proxyUrl);
  expect(answer.status).toBe(502);
  expect(answer.headers['proxy-status']).toContain('tls_certificate_error');
});

it('serves a route of its own from the upstream behind it', async () => {
  await using stack = await startStack((url) => ({
    upstreams: { demo: { url } },
    proxy: { routes: { '/geo': url } },
  }));
  const direct = await curl(`${stack.upstream.url}/cities.json`);
  const routed = await curl(`${stack.proxyUrl}/geo/cities.json`);
  expect(routed.sha256).toBe(direct.sha256);
  // Stored, which may be a moment after it was sent.
  await eventually(async () => {
    const again = await curl(`${stack.proxyUrl}/geo/cities.json`);
    expect(again.headers['cache-status']).toContain('hit');
  });
});

it('caches an http request inside a CONNECT', async () => {
  await using stack = await startStack();
  const dispatcher = new ProxyAgent({ uri: stack.proxyUrl, proxyTunnel: true });
  for (const expected of ['fwd=uri-miss', 'hit']) {
    const { headers, body } = await request(`${stack.upstream.url}/small?id=7`, { dispatcher });
    await body.text();
    expect(headers['cache-status']).toContain(expected);
  }
  await dispatcher.close();
  expect(stack.upstream.stats().total).toBe(1);
});

it('knows an http request inside a CONNECT that came while the proxy was stopped', async () => {
  await using stack = await startStack();
  const host = `127.0.0.1:${stack.upstream.port}`;
  const socket = connect(stack.proxyPort, '127.0.0.1');
  socket.write(`CONNECT ${host} HTTP/1.1\r\nHost: ${host}\r\n\r\n`);
  await once(socket, 'data');
  socket.write(`GET /small?id=1 HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`);
  // For longer than a silent client is waited for. The proxy runs in this process.
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 500);
  let text = '';
  for await (const chunk of socket) text += String(chunk);
  expect(text).toMatch(/^cache-status: .*fwd=uri-miss/im);
});

it('tunnels TLS through a CONNECT byte for byte', async () => {
  const tls = selfSignedCertificate();
  await using stack = await startStack(() => ({}), { tls });
  const socket = connect(stack.proxyPort, '127.0.0.1');
  socket.write(
    `CONNECT 127.0.0.1:${stack.upstream.port} HTTP/1.1\r\nHost: 127.0.0.1:${stack.upstream.port}\r\n\r\n`,
  );
  const [established] = (await once(socket, 'data')) as [Buffer];
  expect(established.toString()).toContain('200');
  const secure = tlsConnect({ socket, ca: tls.cert, host: '127.0.0.1' });
  secure.write('GET /small?id=1 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n');
  let text = '';
  for await (const chunk of secure) text += String(chunk);
  expect(text).toMatch(/^HTTP\/1\.1 200/);
});

it('passes uploads and unsafe methods through as they are', async () => {
  await using stack = await startStack();
  const body = Buffer.alloc(3_000_000, 'upload');
  const answer = await curl(`${stack.upstream.url}/echo`, stack.proxyUrl, {
    method: 'PUT',
    body,
    headers: { 'x-app': 'one' },
  });
  const echoed = JSON.parse(answer.body.toString()) as {
    method: string;
    headers: [string, string][];
    bodySha256: string;
  };
  expect(echoed.method).toBe('PUT');
  expect(echoed.bodySha256).toBe(createHash('sha256').update(body).digest('hex'));
  expect(echoed.headers.some(([name, value]) => name.toLowerCase() === 'x-app' && value === 'one')).toBe(
    true,
  );
  expect(answer.headers['cache-status']).toContain('fwd=method');
});

it('ends the upstream request when the client leaves', async () => {
  await using stack = await startStack();
  const leaving = new AbortController();
  const url = `${stack.upstream.url}/generated/50MB?bytesPerSecond=100000`;
  const response = await curlHead(url, stack.proxyUrl, {
    headers: { authorization: 'Bearer x' },
    signal: leaving.signal,
  });
  await once(response, 'data');
  response.on('error', () => undefined);
  expect(stack.upstream.stats().open).toBe(1);
  leaving.abort();
  await eventually(() => expect(stack.upstream.stats().open).toBe(0));
});

it('forwards a WebSocket', async () => {
  await using stack = await startStack((url) => ({
    upstreams: { demo: { url } },
    proxy: { routes: { '/geo': url } },
  }));
  const socket = new WebSocket(`${stack.proxyUrl.replace('http', 'ws')}/geo/ws`);
  await once(socket, 'open');
  socket.send('hello');
  const [message] = (await once(socket, 'message')) as [MessageEvent];
  expect(message.data).toBe('hello');
  socket.close();
});

it('never shares what came with credentials or a cookie, and shares parts', async () => {
  await using stack = await startStack();
  const url = `${stack.upstream.url}/headers?Set-Cookie=a%3Db&Cache-Control=max-age%3D60`;
  for (let time = 0; time < 2; time += 1) {
    const answer = await curl(url, stack.proxyUrl);
    expect(answer.headers['set-cookie']).toEqual(['a=b']);
    expect(answer.headers['cache-status']).not.toContain('hit');
  }
  const small = `${stack.upstream.url}/small?id=3`;
  for (const headers of [{ authorization: 'Bearer x' }, { cookie: 'a=b' }]) {
    const answer = await curl(small, stack.proxyUrl, { headers });
    expect(answer.headers['cache-status']).toContain('fwd=bypass');
  }
  const part = await curl(small, stack.proxyUrl, { headers: { range: 'bytes=0-9' } });
  expect(part).toMatchObject({ status: 206, body: { length: 10 } });
  expect(part.headers['cache-status']).not.toContain('fwd=bypass');
});

it('passes an undeclared upstream straight through', async () => {
  await using stack = await startStack(() => ({}));
  for (let time = 0; time < 2; time += 1) {
    const answer = await curl(`${stack.upstream.url}/small?id=1`, stack.proxyUrl);
    expect(answer.status).toBe(200);
    expect(answer.headers['cache-status']).toContain('undeclared-upstream');
  }
  expect(stack.upstream.stats().byKind.full).toBe(2);
});

it('refuses cloud metadata, Pannier itself and loops', async () => {
  await using stack = await startStack();
  expect((await curl('http://169.254.169.254/latest/meta-data', stack.proxyUrl)).status).toBe(403);
  expect((await curl(`${stack.proxyUrl}/x`, stack.proxyUrl)).status).toBe(403);
  const echo = await curl(`${stack.upstream.url}/echo`, stack.proxyUrl, { method: 'POST', body: '' });
  const sent = (JSON.parse(echo.body.toString()) as { headers: [string, string][] }).headers;
  const via = sent.find(([name]) => name.toLowerCase() === 'via')?.[1] ?? '';
  expect((await curl(`${stack.upstream.url}/small?id=1`, stack.proxyUrl, { headers: { via } })).status).toBe(
    508,
  );
});

it('serves health and metrics, and keeps many requests on one connection apart', async () => {
  await using stack = await startStack();
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  for (let id = 0; id < 20; id += 1) {
    const answer = await curl(`${stack.upstream.url}/small?id=${id}`, stack.proxyUrl, { agent });
    expect(answer.status).toBe(200);
  }
  agent.destroy();
  expect((await curl(`${stack.proxyAdminUrl}/readyz`)).status).toBe(200);
  const metrics = (await curl(`${stack.proxyAdminUrl}/metrics`)).body.toString();
  expect(metrics).toMatch(/pannier_proxy_requests_total\{outcome="miss"\} 20/);
});
