import type { GenerationMode } from '@pannier/proto/generation';
import { expect, onTestFinished, test, vi } from 'vitest';
import { ManualClock } from '../get-entry.fixture.ts';
import { Generations } from './generations.ts';
import type { InvalidationLog, LogPosition, LogSize } from './invalidation-log.ts';
import { ProcessInvalidationLog } from './process-invalidation-log.ts';

/** A log that several servers share, by a way that may be broken, and that tells nobody. */
class DistantLog implements InvalidationLog {
  readonly isLocal = false;
  readonly #log: InvalidationLog;
  isAway = false;
  isReadable = true;
  reads = 0;

  get size(): LogSize {
    return this.#log.size;
  }

  constructor(log: InvalidationLog) {
    this.#log = log;
  }

  async append(...args: Parameters<InvalidationLog['append']>): ReturnType<InvalidationLog['append']> {
    this.#assertThere();
    return await this.#log.append(...args);
  }

  async read(position: LogPosition): ReturnType<InvalidationLog['read']> {
    this.reads += 1;
    this.#assertThere();
    if (!this.isReadable) throw new Error('not readable');
    return await this.#log.read(position);
  }

  async snapshot(): ReturnType<InvalidationLog['snapshot']> {
    this.#assertThere();
    return await this.#log.snapshot();
  }

  async renew(epoch: string): Promise<void> {
    await this.#log.renew(epoch);
  }

  onAppended(): () => void {
    return () => undefined;
  }

  async close(): Promise<void> {
    await this.#log.close();
  }

  #assertThere(): void {
    if (this.isAway) throw new Error('away');
  }
}

interface Pair {
  readonly clock: ManualClock;
  readonly log: ProcessInvalidationLog;
  readonly way: DistantLog;
  readonly one: Generations;
  readonly other: Generations;
}

/** `other` reaches the log by a way of its own. */
async function startPair(): Promise<Pair> {
  const clock = new ManualClock();
  const log = new ProcessInvalidationLog({ clock, random: Math.random });
  const way = new DistantLog(log);
  const one = new Generations({ clock, log: new DistantLog(log) });
  const other = new Generations({ clock, log: way });
  onTestFinished(async () => {
    await Promise.all([one.close(), other.close()]);
  });
  await Promise.all([one.capture(), other.capture()]);
  return { clock, log, way, one, other };
}

async function bump(generations: Generations, mode: GenerationMode = 'hard'): Promise<void> {
  await generations.invalidate([{ kind: 'tag', value: 'a' }], mode);
}

/** Until what needs no time is done. */
async function settled(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
}

const targets = { tags: ['a'] };
const of = (): typeof targets => targets;

test('an invalidation counts here at once, and for others when they have read on', async () => {
  const { clock, one, other } = await startPair();
  const captured = await other.capture();
  await bump(one);
  expect(await one.judge(captured, of)).toMatchObject({ verdict: 'gone', at: { sequence: 1 } });
  expect(await one.judge(await one.capture(), of)).toMatchObject({ verdict: 'valid' });
  expect(await other.judge(captured, of)).toMatchObject({ verdict: 'valid', at: { sequence: 0 } });
  clock.pass(200);
  await vi.waitFor(() => expect(other.known(captured, of)).toBe('gone'));
});

test('a view that is older than a second asks before it judges', async () => {
  const { clock, way, one, other } = await startPair();
  const captured = await other.capture();
  await bump(one, 'soft');
  way.isAway = true;
  clock.pass(200);
  await settled();
  expect(await other.judge(captured, of)).toMatchObject({ verdict: 'valid' });
  way.isAway = false;
  clock.pass(801);
  expect(await other.judge(captured, of)).toMatchObject({ verdict: 'stale', at: { sequence: 1 } });
});

test('what cannot be confirmed is unknown, but what is known to be gone is gone', async () => {
  const { clock, way, one, other } = await startPair();
  const captured = await other.capture();
  await bump(other);
  const later = await other.capture();
  way.isAway = true;
  await bump(one);
  clock.pass(2000);
  expect((await other.judge(later, of)).verdict).toBe('unknown');
  expect((await other.judge(captured, of)).verdict).toBe('gone');
  expect(other.confirmedMsAgo).toBeGreaterThanOrEqual(2000);
  const { reads } = way;
  for (let at = 0; at < 10; at += 1) await other.judge(later, of);
  // Left alone for a moment by those who judge.
  expect(way.reads - reads).toBeLessThanOrEqual(1);
  way.isAway = false;
  clock.pass(200);
  await vi.waitFor(async () => expect((await other.judge(later, of)).verdict).toBe('gone'));
});

test('a clock that is set back confirms nothing', async () => {
  const { clock, way, one, other } = await startPair();
  const captured = await other.capture();
  await bump(one);
  way.isAway = true;
  clock.pass(-3_600_000);
  expect((await other.judge(captured, of)).verdict).toBe('unknown');
  way.isAway = false;
  clock.pass(200);
  await vi.waitFor(async () => expect((await other.judge(captured, of)).verdict).toBe('gone'));
});

test('one that took an invalidation goes by it, though it cannot read what others appended', async () => {
  const { way, one, other } = await startPair();
  const captured = await other.capture();
  way.isReadable = false;
  await one.invalidate([{ kind: 'tag', value: 'b' }], 'hard');
  await bump(other);
  expect(await other.judge(captured, of)).toMatchObject({ verdict: 'gone' });
  expect((await other.judge(captured, () => ({ tags: ['c'] }))).verdict).toBe('unknown');
});

test('after an append that failed nothing is certain before the log was read again', async () => {
  const { clock, way, other } = await startPair();
  const captured = await other.capture();
  way.isAway = true;
  await expect(bump(other)).rejects.toThrow('away');
  expect((await other.judge(captured, of)).verdict).toBe('unknown');
  way.isAway = false;
  clock.pass(200);
  await vi.waitFor(async () => expect((await other.judge(captured, of)).verdict).toBe('valid'));
});

test('a log that has lost its end begins a new epoch, and of every older entry only the upstream knows', async () => {
  const { clock, log, one, other } = await startPair();
  const captured = await other.capture();
  await bump(one);
  clock.pass(200);
  await vi.waitFor(() => expect(other.position.sequence).toBe(1));
  // As a failover does that had the event not yet: another one takes its number.
  const { position } = await log.snapshot();
  vi.spyOn(log, 'read').mockImplementationOnce(async () =>
    Promise.resolve({ standing: 'lost-end', head: position, events: [] }),
  );
  for (let poll = 0; poll < 3; poll += 1) {
    clock.pass(200);
    await settled();
  }
  expect(other.position.epoch).not.toBe(captured.epoch);
  expect(one.position.epoch).toBe(other.position.epoch);
  // It was invalidated hard, which the new log does not tell: to take it for stale would let it stand in.
  expect((await other.judge(captured, of)).verdict).toBe('unknown');
  expect((await other.judge(await other.capture(), of)).verdict).toBe('valid');
});

test('a log without servers beside this one is always known', async () => {
  const clock = new ManualClock();
  const log = new ProcessInvalidationLog({ clock, random: Math.random });
  const generations = new Generations({ clock, log });
  const captured = await generations.capture();
  clock.pass(3_600_000);
  expect(generations.confirmedMsAgo).toBe(0);
  expect((await generations.judge(captured, of)).verdict).toBe('valid');
  await generations.close();
});
