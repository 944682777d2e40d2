import { expect, test } from 'vitest';
import type { Clock } from '../clock.ts';
import type { Estate, Finding } from './estate.ts';
import { Janitor } from './janitor.ts';
import { MemoryUseLedger } from './use-ledger.ts';
import { UseNotes } from './use-notes.ts';

const TTL_MS = 1000;
const forever = new AbortController().signal;

/** A time that passes when it is told to. */
class ManualClock implements Clock {
  ms = 10_000;
  #due: { atMs: number; run: () => void }[] = [];

  now(): number {
    return this.ms;
  }

  after(delayMs: number, run: () => void): () => void {
    const one = { atMs: this.ms + delayMs, run };
    this.#due.push(one);
    return () => void (this.#due = this.#due.filter((other) => other !== one));
  }

  pass(ms: number): void {
    this.ms += ms;
    const due = this.#due.filter(({ atMs }) => atMs <= this.ms);
    this.#due = this.#due.filter((one) => !due.includes(one));
    for (const { run } of due) run();
  }
}

function house(keys: readonly string[]): { estate: Estate; left: Set<string>; ledger: MemoryUseLedger } {
  const left = new Set(keys);
  const estate: Estate = {
    kind: 'scope',
    contains: ':object:',
    ownerOf: (key) => key.split(':')[0],
    look: async (key) => (left.has(key) ? { storedBytes: 10, version: '1', writtenAtMs: 0 } : undefined),
    remove: async (key) => left.delete(key),
  };
  return { estate, left, ledger: new MemoryUseLedger() };
}

/** Pages of two, as a store that is changed under the walk gives them. */
function janitorOf({ estate, left, ledger }: ReturnType<typeof house>, clock: Clock): Janitor {
  const all = [...left];
  return new Janitor({
    estates: [estate],
    ledger,
    clock,
    scopeTtlMs: TTL_MS,
    count: () => undefined,
    listKeys: async ({ cursor }) => {
      const from = Number(cursor);
      const next = from + 2 < all.length ? String(from + 2) : '';
      return { keys: all.slice(from, from + 2).filter((key) => left.has(key)), cursor: next };
    },
  });
}

async function found(
  janitor: Janitor,
  isDry: boolean,
  onStep: () => Promise<void> = async () => undefined,
): Promise<readonly Finding[]> {
  for await (const { findings } of janitor.run({ isDry, signal: forever })) {
    if (findings !== undefined) return findings;
    await onStep();
  }
  throw new Error('no last step');
}

const KEYS = ['a:object:1', 'b:object:1', 'a:object:2', 'b:object:2', 'c:object:1'];

test('an owner of whom nothing is known is heard of now, and gone only a whole time later', async () => {
  const clock = new ManualClock();
  const home = house(KEYS);
  const janitor = janitorOf(home, clock);
  expect(await found(janitor, false)).toEqual([]);
  clock.pass(TTL_MS - 1);
  expect(await found(janitor, true)).toEqual([]);
  clock.pass(1);
  const all = await found(janitor, true);
  expect(all.map(({ name, keys, storedBytes }) => [name, keys, storedBytes])).toEqual([
    ['a', 2, 20],
    ['b', 2, 20],
    ['c', 1, 10],
  ]);
  expect(home.left.size).toBe(5);
});

test('what goes is what the dry run listed, and an owner that comes back meanwhile keeps what is left', async () => {
  const clock = new ManualClock();
  const home = house(KEYS);
  const janitor = janitorOf(home, clock);
  await found(janitor, true);
  clock.pass(TTL_MS);
  await home.ledger.note(['scope c'], clock.now());
  let steps = 0;
  const findings = await found(janitor, false, async () => {
    steps += 1;
    // Between the first page and the second.
    if (steps === 1) await home.ledger.note(['scope b'], clock.now());
  });
  expect(findings.map(({ name, keys }) => [name, keys])).toEqual([
    ['a', 2],
    ['b', 1],
  ]);
  expect([...home.left]).toEqual(['b:object:2', 'c:object:1']);
});

test('a janitor that is told to end ends with the key that it is at', async () => {
  const clock = new ManualClock();
  const home = house(KEYS);
  const told = new AbortController();
  const { remove } = home.estate;
  home.estate.remove = async (...going) => {
    told.abort();
    return await remove(...going);
  };
  const janitor = janitorOf(home, clock);
  await found(janitor, true);
  clock.pass(TTL_MS);
  const run = janitor.run({ isDry: false, signal: told.signal });
  await expect(run.next()).rejects.toThrow('aborted');
  expect(home.left.size).toBe(KEYS.length - 1);
});

test('uses are written down at once, then once in a while, and again after a write that failed', async () => {
  const clock = new ManualClock();
  const written: string[][] = [];
  let isAway = false;
  let failures = 0;
  const notes = new UseNotes({
    ledger: {
      note: async (owners) => {
        if (isAway) throw new Error('away');
        written.push([...owners]);
      },
    },
    clock,
    scopeTtlMs: TTL_MS,
    onFailed: () => (failures += 1),
  });
  const settled = async (): Promise<void> => await new Promise((resolve) => setImmediate(resolve));
  for (let i = 0; i < 1000; i += 1) notes.note(`scope ${i % 2}`);
  clock.pass(100);
  await settled();
  expect(written).toEqual([['scope 0', 'scope 1']]);
  isAway = true;
  notes.note('scope 0');
  clock.pass(100);
  await settled();
  expect(failures).toBe(1);
  isAway = false;
  notes.note('scope 0');
  await notes.close();
  expect(written.at(-1)).toEqual(['scope 0']);
});
