import type { MessageInitShape } from '@bufbuild/protobuf';
import { InvalidationMode } from '@pannier/proto';
import type { WatchRequest, WatchResponseSchema } from '@pannier/proto';
import { expect, onTestFinished, test } from 'vitest';
import { Generations } from '../generation/generations.ts';
import { ProcessInvalidationLog } from '../generation/process-invalidation-log.ts';
import { ManualClock } from '../get-entry.fixture.ts';
import { watch } from './watch-call.ts';

type Message = MessageInitShape<typeof WatchResponseSchema>;

interface Watched {
  readonly clock: ManualClock;
  readonly log: ProcessInvalidationLog;
  readonly generations: Generations;
  readonly draining: AbortController;
  open(from?: { afterSequence: bigint; epoch: string }): AsyncGenerator<Message>;
}

async function start(): Promise<Watched> {
  const clock = new ManualClock();
  const log = new ProcessInvalidationLog({ clock, random: Math.random });
  const generations = new Generations({ clock, log });
  await generations.capture();
  const ended = new AbortController();
  onTestFinished(async () => {
    ended.abort();
    await generations.close();
  });
  const draining = new AbortController();
  const deps = { generations, now: () => clock.now(), draining: draining.signal };
  return {
    draining,
    clock,
    log,
    generations,
    open: (from = { afterSequence: 0n, epoch: '' }) =>
      watch(from as WatchRequest, { signal: ended.signal }, deps),
  };
}

async function next(stream: AsyncGenerator<Message>): Promise<Message> {
  const step = await stream.next();
  if (step.done === true) throw new Error('the stream ended');
  return step.value;
}

test('begins with a sign of life, tells what happens from then on, and of both kinds', async () => {
  const { generations, open } = await start();
  await generations.invalidate([{ kind: 'tag', value: 'before' }], 'hard');
  const { epoch } = generations.position;
  const stream = open();
  expect(await next(stream)).toEqual({ epoch, sequence: 1n, confirmedMsAgo: 0 });
  await generations.invalidate([{ kind: 'prefix', value: 'http://a/' }], 'soft');
  await generations.announce({ dataset: 'd', version: '2', formerVersion: '', changed: ['x'], removed: [] });
  expect(await next(stream)).toEqual({
    epoch,
    sequence: 2n,
    target: { target: { case: 'urlPrefix', value: 'http://a/' } },
    mode: InvalidationMode.SOFT,
  });
  expect(await next(stream)).toMatchObject({ sequence: 3n, published: { dataset: 'd', changed: ['x'] } });
});

test('shows a sign of life every 500 ms', async () => {
  const { clock, open } = await start();
  const stream = open();
  await next(stream);
  for (let beat = 0; beat < 3; beat += 1) {
    const coming = next(stream);
    // Until the stream waits for its clock.
    await new Promise((resolve) => setImmediate(resolve));
    clock.pass(500);
    expect(await coming).toMatchObject({ sequence: 0n, confirmedMsAgo: 0 });
  }
});

test('goes on after what the caller has seen', async () => {
  const { generations, open } = await start();
  for (const value of ['a', 'b', 'c']) await generations.invalidate([{ kind: 'tag', value }], 'hard');
  const { epoch } = generations.position;
  const stream = open({ afterSequence: 1n, epoch });
  expect(await next(stream)).toMatchObject({ sequence: 2n, target: { target: { value: 'b' } } });
  expect(await next(stream)).toMatchObject({ sequence: 3n, target: { target: { value: 'c' } } });
  expect(await next(stream)).toEqual({ epoch, sequence: 3n, confirmedMsAgo: 0 });
});

test('one that has seen more than this server knows is told what comes after that', async () => {
  const { generations, open } = await start();
  const { epoch } = generations.position;
  const stream = open({ afterSequence: 2n, epoch });
  expect(await next(stream)).toMatchObject({ sequence: 0n, confirmedMsAgo: 0 });
  for (const value of ['a', 'b', 'c']) await generations.invalidate([{ kind: 'tag', value }], 'hard');
  expect(await next(stream)).toMatchObject({ sequence: 3n, target: { target: { value: 'c' } } });
});

test('says first that everything may be outdated when what was missed is not known, and when the log begins anew', async () => {
  const { generations, log, open } = await start();
  await generations.invalidate([{ kind: 'tag', value: 'a' }], 'hard');
  const { epoch } = generations.position;
  const all = { target: { target: { case: 'all', value: true } }, mode: InvalidationMode.HARD };
  const stream = open({ afterSequence: 1n, epoch: 'another' });
  expect(await next(stream)).toMatchObject({ epoch, sequence: 1n, ...all });
  expect(await next(stream)).toEqual({ epoch, sequence: 1n, confirmedMsAgo: 0 });
  await log.renew(epoch);
  const anew = await next(stream);
  expect(anew).toMatchObject({ sequence: 0n, ...all });
  expect(anew.epoch).not.toBe(epoch);
});

test('names of very many partitions are left out, which is said', async () => {
  const { generations, open } = await start();
  const stream = open();
  await next(stream);
  const changed = Array.from({ length: 1001 }, (_none, at) => `p${at}`);
  await generations.announce({ dataset: 'd', version: '2', formerVersion: '1', changed, removed: [] });
  const { published } = await next(stream);
  expect(published?.changed).toHaveLength(1000);
  expect(published?.namesLeftOut).toBe(true);
});

test('names of partitions are left out that would make the log too long to be read, which is said', async () => {
  const { generations, open } = await start();
  const stream = open();
  await next(stream);
  const changed = Array.from({ length: 900 }, (_none, at) => `country=${at}/`.padEnd(64, 'x'));
  await generations.announce({ dataset: 'd', version: '2', formerVersion: '1', changed, removed: ['r'] });
  const { published } = await next(stream);
  expect(published?.changed).toEqual(changed.slice(0, 128));
  expect(published?.removed).toEqual(['r']);
  expect(published?.namesLeftOut).toBe(true);
});

test('a server that is to end says so at once, so that another one is watched', async () => {
  const { draining, open } = await start();
  const stream = open();
  await next(stream);
  const waiting = stream.next();
  draining.abort();
  await expect(waiting).rejects.toMatchObject({ code: 'draining' });
  await expect(open().next()).rejects.toMatchObject({ code: 'draining' });
});
