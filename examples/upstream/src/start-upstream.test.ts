import { once } from 'node:events';
import { type ClientRequest, type IncomingMessage, request } from 'node:http';
import { request as requestTls } from 'node:https';
import { connect } from 'node:net';
import { expect, test } from 'vitest';
import { until } from './http-client.fixture.ts';
import { selfSignedCertificate } from './self-signed-certificate.fixture.ts';
import { startUpstream, UpstreamError } from './start-upstream.ts';

test('close ends idle connections, bodies under way, latencies and WebSockets', async () => {
  const upstream = await startUpstream();
  const idle = connect(upstream.port, '127.0.0.1');
  await once(idle, 'connect');
  const slow = await fetch(`${upstream.url}/generated/1MB?bytesPerSecond=1KB`);
  const waiting = fetch(`${upstream.url}/small?latencyMs=600000`).catch((error: unknown) => error);
  const socket = new WebSocket(`${upstream.url.replace('http', 'ws')}/ws`);
  await once(socket, 'open');
  await until(() => upstream.stats().open === 3);
  const gone = [once(idle, 'close'), once(socket, 'close')];
  await upstream.close();
  await expect(slow.arrayBuffer()).rejects.toThrow();
  expect(await waiting).toBeInstanceOf(TypeError);
  await Promise.all(gone);
  await until(() => upstream.stats().open === 0);
});

test('a busy port is a typed error that names it', async () => {
  const first = await startUpstream();
  const second = startUpstream({ port: first.port });
  await expect(second).rejects.toThrow(UpstreamError);
  await expect(second).rejects.toMatchObject({
    code: 'port-busy',
    message: `port ${first.port} on 127.0.0.1 is in use; choose another with --port`,
  });
  await first.close();
});

test('IPv6 addresses stand in brackets in the url', async () => {
  const upstream = await startUpstream({ host: '::1' });
  expect(upstream.url).toBe(`http://[::1]:${upstream.port}`);
  expect((await fetch(`${upstream.url}/version`)).status).toBe(200);
  await upstream.close();
});

test('with a certificate it speaks HTTPS, and cuts there as well', async () => {
  const { key, cert } = selfSignedCertificate();
  const upstream = await startUpstream({ tls: { key, cert } });
  expect(upstream.url).toMatch(/^https:/);
  const get = (target: string): ClientRequest =>
    requestTls(`${upstream.url}${target}`, { ca: cert, agent: false }).end();
  const [whole] = (await once(get('/generated/1MB?type=random'), 'response')) as [IncomingMessage];
  let bytes = 0;
  for await (const chunk of whole as AsyncIterable<Buffer>) bytes += chunk.length;
  expect(bytes).toBe(1_000_000);
  for (const mode of ['content-length', 'chunked', 'reset']) {
    const outgoing = get(`/generated/1MB?cutAfterBytes=1000&cutMode=${mode}`);
    // Node tells of a reset on the request and takes the body for whole; of the other two on the response.
    const failed = new Promise((resolve) => {
      outgoing.once('error', resolve);
      outgoing.once('response', (incoming) => incoming.once('error', resolve).resume());
    });
    expect(await failed).toMatchObject({ code: 'ECONNRESET' });
  }
  await until(() => upstream.stats().open === 0);
  expect(upstream.stats().byKind).toMatchObject({ full: 4, cut: 3, aborted: 0 });
  await upstream.close();
});

test('a request in absolute-form is answered as one in origin-form', async () => {
  const upstream = await startUpstream();
  const outgoing = request(upstream.url, { path: `${upstream.url}/version`, agent: false }).end();
  const [incoming] = (await once(outgoing, 'response')) as [IncomingMessage];
  expect(incoming.resume().statusCode).toBe(200);
  expect(upstream.stats().byPath).toEqual({ '/version': 1 });
  await upstream.close();
});
