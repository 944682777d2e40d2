import type { WarmProgress } from '@pannier/client';
import { expect, it } from 'vitest';
import { eventually } from '../fixture/eventually.ts';
import { startMesh } from '../fixture/mesh.ts';
import { pannier } from '../fixture/pannier-command.ts';
import { patientClient } from '../fixture/patient-client.ts';
import { continueProcess, stopProcess } from '../fixture/stopped-process.ts';
import { startWorkerMesh } from './worker-mesh.ts';

const MANY_BYTES = 8_000_000;
const COUNTS = ['bytes', 'bytesTotal', 'records', 'partitions', 'itemsDone', 'attempts'] as const;

function expectMonotonic(all: readonly WarmProgress[]): void {
  for (const [index, one] of all.entries()) {
    const before = all[index - 1];
    for (const count of before === undefined ? [] : COUNTS)
      expect(one[count], count).toBeGreaterThanOrEqual(before?.[count] ?? 0);
  }
}

it('fetches two URLs and a dataset by a process that does nothing else; then all are hits, and the upstream is asked no more', async () => {
  await using mesh = await startWorkerMesh({ servers: 2 });
  const worker = await mesh.startWorker();
  const urls = [`${mesh.upstream.url}/small?id=7`, `${mesh.upstream.url}/generated/5MB`];
  const args = ['warm', ...urls, '--dataset', 'cities', '--json'];

  const { code, out, err } = await pannier(['-s', mesh.address(), ...args]);

  expect(err).toBe('');
  expect(code).toBe(0);
  const all = out
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as WarmProgress);
  expectMonotonic(all);
  const last = all.at(-1);
  expect(last).toMatchObject({
    state: 'completed',
    itemsDone: 3,
    itemsTotal: 3,
    records: 171_075,
    error: '',
  });
  expect(last?.bytes).toBe(last?.bytesTotal);
  const { total } = mesh.upstream.stats();
  expect(total).toBe(3);

  using client = patientClient(mesh.address(1), { nearCacheBytesMax: 0 });
  for (const url of [...urls, `${mesh.upstream.url}/cities.json`]) {
    const response = await client.fetch(url);
    await response.arrayBuffer();
    expect(response.cache.outcome).toBe('hit');
  }
  const { records } = await client.dataset('cities').describe();
  expect(records).toBe(171_075);
  expect(mesh.upstream.stats().total).toBe(total);
  // It answers nobody, and ends when it is told to.
  expect(worker.listening['grpc']).toBeUndefined();
  expect(await worker.stop()).toBe(0);
});

it('goes on in another worker when the one that had the job is killed, and no count goes back', async () => {
  await using mesh = await startWorkerMesh({ servers: 2 });
  const first = await mesh.startWorker();
  const url = `${mesh.upstream.url}/generated/${MANY_BYTES}?bytesPerSecond=1MB`;
  using asking = patientClient(mesh.address(0));
  using watching = patientClient(mesh.address(1));
  const { id } = await asking.warm({ urls: [`${mesh.upstream.url}/small?id=1`, url] });

  const all: WarmProgress[] = [];
  let killed: Promise<void> | undefined;
  // From another server than the one that took it in.
  for await (const progress of watching.warmJob(id).progress()) {
    all.push(progress);
    if (killed === undefined && progress.bytes > 1_000_000) {
      killed = first.kill9();
      await killed;
      await mesh.startWorker();
    }
  }

  expect(killed).toBeDefined();
  expect(all.at(-1)).toMatchObject({ state: 'completed', itemsDone: 2, attempts: 2, error: '' });
  expectMonotonic(all);
  const response = await asking.fetch(url);
  expect((await response.arrayBuffer()).byteLength).toBe(MANY_BYTES);
  expect(response.cache.outcome).toBe('hit');
  // What was stored before the death was not fetched again.
  expect(mesh.upstream.stats().byPath['/small']).toBe(1);
});

it('no count goes back when a worker that was stopped goes on beside the one that has its job now, and it fetches nothing more', async () => {
  await using mesh = await startWorkerMesh({ config: { limits: { jobItemsAtOnceMax: 2 } } });
  const first = await mesh.startWorker();
  using client = patientClient(mesh.address());
  const urls = Array.from({ length: 30 }, (_, id) => `${mesh.upstream.url}/small?id=${id}&latencyMs=700`);
  const all: WarmProgress[] = [];
  let isStopped = false;
  let isOn = false;
  let doneWhenOn = 0;
  for await (const progress of (await client.warm({ urls })).progress()) {
    all.push(progress);
    if (!isStopped && progress.itemsDone >= 4) {
      isStopped = true;
      await stopProcess(first.pid);
      await mesh.startWorker();
    } else if (!isOn && progress.attempts === 2 && progress.itemsDone >= 10) {
      isOn = true;
      doneWhenOn = progress.itemsDone;
      continueProcess(first.pid);
    }
  }
  if (isStopped && !isOn) continueProcess(first.pid);

  // There was time for it to do harm.
  expect(doneWhenOn).toBeGreaterThan(0);
  expect(doneWhenOn).toBeLessThan(urls.length);
  expectMonotonic(all);
  expect(all.at(-1)).toMatchObject({ state: 'completed', itemsDone: 30, attempts: 2, error: '' });
  // But for the two that were under way.
  expect(mesh.upstream.stats().byPath['/small']).toBeLessThanOrEqual(urls.length + 2);
  await eventually(async () => {
    const metrics = await (await fetch(`http://${first.listening['admin']}/metrics`)).text();
    expect(metrics).toContain('pannier_server_jobs_total{what="taken-over"} 1');
  });
});

it('gives a job back when its worker is told to end, and another one takes it at once', async () => {
  await using mesh = await startWorkerMesh();
  const first = await mesh.startWorker();
  using client = patientClient(mesh.address());
  const job = await client.warm({ urls: [`${mesh.upstream.url}/generated/10MB?bytesPerSecond=1MB`] });
  const states: WarmProgress['state'][] = [];
  const watched = (async () => {
    for await (const { state } of job.progress()) states.push(state);
  })();
  await eventually(() => expect(states).toContain('active'));

  expect(await first.stop()).toBe(0);
  await eventually(() => expect(states.at(-1)).toBe('waiting'));
  await mesh.startWorker();

  await watched;
  expect(states.at(-1)).toBe('completed');
});

it('refuses jobs beyond the limit by its name, tells of what failed, and of jobs that there are not', async () => {
  await using mesh = await startWorkerMesh({ config: { limits: { jobsMax: 2, jobItemsMax: 2 } } });
  using client = patientClient(mesh.address());
  const urls = [`${mesh.upstream.url}/status/404`];
  const jobs = [await client.warm({ urls }), await client.warm({ datasets: ['no-such'] })];
  await expect(client.warm({ urls })).rejects.toMatchObject({
    code: 'limit-exceeded',
    message: expect.stringContaining('limits.jobsMax 2') as string,
  });
  await expect(client.warm({ urls: [...urls, 'http://a.example/', 'http://b.example/'] })).rejects.toThrow(
    'limits.jobItemsMax is 2',
  );
  await expect(client.warmJob('no-such').done()).rejects.toMatchObject({ code: 'not-found' });

  await mesh.startWorker();
  await expect(jobs[0]?.done()).rejects.toThrow(`${urls[0]}: the upstream answered 404`);
  await expect(jobs[1]?.done()).rejects.toThrow('dataset "no-such" is not declared');
  const { code, err } = await pannier(['-s', mesh.address(), 'warm', urls[0] ?? '']);
  expect(code).toBe(1);
  expect(err).toContain('/status/404: the upstream answered 404');
});

it('names the store where that is what fails, and no time is left for what has failed', async () => {
  await using mesh = await startMesh({ store: 'redis', hasControl: true, proxies: 0 });
  await mesh.redis?.kill9();
  const urls = [`${mesh.upstream.url}/small?id=1`, `${mesh.upstream.url}/generated/1MB`];
  const { code, out } = await pannier(['-s', mesh.serverAddress(), 'warm', ...urls, '--json']);
  expect(code).toBe(1);
  const all = out
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as WarmProgress);
  const failures = all.at(-1)?.failures ?? [];
  expect(failures.map(({ item }) => item).toSorted()).toEqual(urls.toSorted());
  for (const { error } of failures)
    expect(error).toMatch(/^it was not stored: cannot .*: the Redis for data does not answer/);
  for (const { failures: some, etaMs } of all) if (some.length === urls.length) expect(etaMs).toBe(0);
});

it('takes no credentials into a job, and none of them gets to Redis', async () => {
  await using mesh = await startWorkerMesh();
  using client = patientClient(mesh.address());
  const urls = [`${mesh.upstream.url}/small?id=1`];
  for (const name of ['authorization', 'cookie', 'proxy-authorization'])
    await expect(client.warm({ urls, headers: { [name]: 'hush' } })).rejects.toMatchObject({
      code: 'bad-request',
      message: expect.stringContaining(`headers[0]: ${name}: `) as string,
    });
  const waiting = async (): Promise<unknown> =>
    await mesh.redis.command('EXISTS', '{pannier:1:jobs}:warm:wait');
  expect(await waiting()).toBe(0);
  await client.warm({ urls, headers: { 'accept-language': 'cs' } });
  expect(await waiting()).toBe(1);
});

it('runs jobs of a server on the embedded store in the server itself', async () => {
  await using mesh = await startMesh({ proxies: 0 });
  const url = `${mesh.upstream.url}/generated/1MB`;
  const { code, out } = await pannier(['-s', mesh.serverAddress(), 'warm', url, '--no-wait']);
  expect(code).toBe(0);
  using client = patientClient(mesh.serverAddress());
  await expect(client.warmJob(out.trim()).done()).resolves.toMatchObject({ bytes: 1_000_000, itemsDone: 1 });
  const response = await client.fetch(url);
  expect(response.cache.outcome).toBe('hit');
  await response.arrayBuffer();
  expect(mesh.upstream.stats().total).toBe(1);
});
