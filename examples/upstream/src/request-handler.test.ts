import { afterEach, beforeEach, expect, test } from 'vitest';
import { send, until } from './http-client.fixture.ts';
import { startUpstream, type Upstream } from './start-upstream.ts';

const nowMs = Date.UTC(2030, 0, 1);
let upstream: Upstream;

beforeEach(async () => {
  upstream = await startUpstream({ now: () => nowMs });
});
afterEach(() => upstream.close());

test('an unknown path is 404 and lists what there is', async () => {
  const { status, body } = await send(`${upstream.url}/nothing`);
  expect(status).toBe(404);
  const { resources } = JSON.parse(body.toString()) as { resources: string[] };
  expect(resources).toContain('/cities.json');
});

test('a method that a resource does not have is 405 with those that it has', async () => {
  const { status, headers } = await send(`${upstream.url}/small`, { method: 'DELETE' });
  expect([status, headers.allow]).toEqual([405, 'GET, HEAD']);
});

test('the date is the given clock’s', async () => {
  expect((await send(`${upstream.url}/small`)).headers.date).toBe(new Date(nowMs).toUTCString());
});

test('a latency keeps a request open, and a client that leaves meanwhile is counted', async () => {
  const leaving = new AbortController();
  const asked = fetch(`${upstream.url}/small?latencyMs=600000`, { signal: leaving.signal });
  await until(() => upstream.stats().open === 1);
  leaving.abort();
  await expect(asked).rejects.toThrow();
  await until(() => upstream.stats().open === 0);
  expect(upstream.stats().byKind).toMatchObject({ aborted: 1, full: 0 });
});

test('a short latency only delays', async () => {
  expect((await send(`${upstream.url}/small?latencyMs=5`)).status).toBe(200);
});

test('an error rate of one half refuses by the generator it was given', async () => {
  const rolls = [0.4, 0.6, 0.1, 0.9];
  const unlucky = await startUpstream({ random: () => rolls.shift() ?? 1 });
  await unlucky.control.set({ errorRate: 0.5 });
  const statuses: number[] = [];
  for (let request = 0; request < 4; request += 1) statuses.push((await send(`${unlucky.url}/small`)).status);
  expect(statuses).toEqual([503, 200, 503, 200]);
  expect(unlucky.stats().byKind).toMatchObject({ error: 2, full: 2 });
  await unlucky.close();
});

test('the default generator makes two upstreams fail alike', async () => {
  const statusesOf = async (): Promise<number[]> => {
    const one = await startUpstream();
    const answers: number[] = [];
    for (let request = 0; request < 12; request += 1) {
      answers.push((await send(`${one.url}/small?errorRate=0.5`)).status);
    }
    await one.close();
    return answers;
  };
  const [first, second] = [await statusesOf(), await statusesOf()];
  expect(first).toEqual(second);
  expect(new Set(first)).toEqual(new Set([200, 503]));
});

test('a status in the query stands in for the resource', async () => {
  const { status, headers } = await send(`${upstream.url}/cities.json?status=500`);
  expect([status, headers['cache-control']]).toEqual([500, 'no-store']);
});

test('the controls leave the upstream’s own pages alone', async () => {
  await upstream.control.set({ errorRate: 1, cutAfterBytes: 0 });
  expect((await send(`${upstream.url}/__stats`)).status).toBe(200);
});

test('bad steering in the query is refused under the faults that are set for all', async () => {
  await upstream.control.set({ cutAfterBytes: 0 });
  const { status, body } = await send(`${upstream.url}/small?bytesPerSecond=fast`);
  expect([status, body.toString()]).toEqual([400, expect.stringContaining('bytesPerSecond: ')]);
});
