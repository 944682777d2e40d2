import { afterEach, beforeEach, expect, test } from 'vitest';
import { send, sendJson } from '../http-client.fixture.ts';
import { type ControlState, startUpstream, type Upstream, type UpstreamStats } from '../start-upstream.ts';

let upstream: Upstream;

beforeEach(async () => {
  upstream = await startUpstream();
});
afterEach(() => upstream.close());

const post = (change: unknown) =>
  send(`${upstream.url}/__control`, { method: 'POST', body: JSON.stringify(change) });

test('a change is shown, holds until it is taken back, and null is the default', async () => {
  const before = await sendJson<ControlState>(`${upstream.url}/__control`);
  expect(before).toEqual(upstream.control.state());
  await post({ latencyMs: 1, bytesPerSecond: '10KB', cutMode: 'reset', cutAfterBytes: 0 });
  await post({ maxAgeS: 7, cutAfterBytes: null });
  expect(upstream.control.state()).toMatchObject({
    latencyMs: 1,
    bytesPerSecond: 10_000,
    cutMode: 'reset',
    cutAfterBytes: null,
    maxAgeS: 7,
  });
  expect((await send(`${upstream.url}/small`)).headers['cache-control']).toBe('public, max-age=7');
  await send(`${upstream.url}/__control`, { method: 'DELETE' });
  expect(upstream.control.state()).toEqual(before);
});

test('publish answers with the new version', async () => {
  const { body } = await post({ publish: true, edits: 2 });
  const state = JSON.parse(body.toString()) as ControlState;
  expect(state.cities.version).toBe('2');
  expect((await send(`${upstream.url}/cities.json`, { method: 'HEAD' })).headers.etag).toBe(
    state.cities.etag,
  );
});

test.each([
  [{ latencyMs: -1 }, 'latencyMs'],
  [{ latencyMs: 'soon' }, 'latencyMs'],
  [{ latencyMs: [1] }, 'latencyMs'],
  [{ bytesPerSecond: 0 }, 'bytesPerSecond'],
  [{ errorRate: 1.5 }, 'errorRate'],
  [{ maxAgeS: 0.5 }, 'maxAgeS'],
  [{ cutAfterBytes: '1XB' }, 'cutAfterBytes'],
  [{ cutMode: 'sideways' }, 'cutMode'],
  [{ publish: 'yes' }, 'publish'],
  [{ publish: true, edits: 0 }, 'edits'],
  [{ publish: true, edits: 171_076 }, 'edits'],
  [{ edits: 1 }, 'edits'],
  [{ toString: 1 }, 'toString'],
  [[], 'body'],
  [null, 'body'],
])('%o is refused with the name of the field, and changes nothing', async (change, field) => {
  const before = upstream.control.state();
  const { status, body } = await post(change);
  expect(status).toBe(400);
  expect((JSON.parse(body.toString()) as { error: string }).error).toMatch(new RegExp(`^${field}: `));
  expect(upstream.control.state()).toEqual(before);
});

test('one bad field keeps the good ones from being set', async () => {
  expect((await post({ latencyMs: 5, errorRate: 2 })).status).toBe(400);
  expect(upstream.control.state().latencyMs).toBe(0);
});

test('what is no JSON, or too much of it, is refused', async () => {
  const url = `${upstream.url}/__control`;
  expect((await send(url, { method: 'POST', body: '{' })).status).toBe(400);
  expect((await send(url, { method: 'POST', body: ' '.repeat(100_000) })).status).toBe(413);
});

test('the statistics count everything but their own kind, and start anew on reset', async () => {
  await send(`${upstream.url}/small?id=1`);
  await send(`${upstream.url}/small?id=2`);
  await send(`${upstream.url}/nowhere`);
  await send(`${upstream.url}/echo`, { method: 'POST', body: 'x' });
  await send(`${upstream.url}/__control`);
  const stats = await sendJson<UpstreamStats>(`${upstream.url}/__stats`);
  expect(stats).toEqual(upstream.stats());
  expect(stats).toMatchObject({
    total: 4,
    open: 0,
    byKind: { full: 2, error: 1, unsafe: 1, aborted: 0 },
    byPath: { '/small': 2 },
  });
  expect(await sendJson(`${upstream.url}/__stats`, { method: 'POST' })).toEqual(stats);
  expect(upstream.stats()).toMatchObject({ total: 0, byPath: {}, bytesSent: 0 });
});
