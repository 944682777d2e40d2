import { randomBytes } from 'node:crypto';
import { expect } from 'vitest';
import type { ContractTests } from './store-harness.ts';
import { LONG_MS, SCOPE, SHORT_MS, digest, frame } from './store-harness.ts';

/** Whatever was extended to half of this was so long ago. */
const LONG_AGO = { keptMs: 2 * LONG_MS, graceMs: SHORT_MS };
/** Whatever was extended to twice this was so just now. */
const JUST_NOW = { keptMs: LONG_MS / 2, graceMs: SHORT_MS };

const names = (count: number): string[] => Array.from({ length: count }, (_none, index) => `frame ${index}`);

/** What frames do in every store. */
export const frameContract: ContractTests = {
  'frames are read back byte for byte in the order of the digests': async ({ store }) => {
    const frames = names(20).map((name) => frame(name));
    await store.writeFrames(SCOPE, frames, LONG_MS);
    const asked = frames.toReversed();
    const read = await store.readFrames(
      SCOPE,
      asked.map((one) => one.digest),
    );
    expect(read).toEqual(asked.map((one) => Buffer.from(one.frame)));
  },

  'a missing frame is undefined in its place, and one asked for twice comes twice': async ({ store }) => {
    await store.writeFrames(SCOPE, [frame('a', Buffer.from('A')), frame('c', Buffer.from('C'))], LONG_MS);
    const read = await store.readFrames(SCOPE, ['a', 'b', 'c', 'a'].map(digest));
    expect(read.map((one) => one?.toString())).toEqual(['A', undefined, 'C', 'A']);
  },

  'nothing asked for is nothing answered': async ({ store }) => {
    expect(await store.readFrames(SCOPE, [])).toEqual([]);
    expect(await store.extendFrames(SCOPE, [], LONG_MS)).toEqual([]);
    await store.writeFrames(SCOPE, [], LONG_MS);
  },

  'an empty frame is a frame': async ({ store }) => {
    await store.writeFrames(SCOPE, [frame('empty', new Uint8Array(0))], LONG_MS);
    expect(await store.readFrames(SCOPE, [digest('empty')])).toEqual([Buffer.alloc(0)]);
  },

  'digests may hold any bytes, as a view into a larger buffer too': async ({ store }) => {
    const around = new Uint8Array(40).map((_zero, index) => [0, 10, 13, 58, 255][index % 5]!);
    const odd = around.subarray(4, 36);
    await store.writeFrames(SCOPE, [{ digest: odd, frame: around.subarray(1, 3) }], LONG_MS);
    expect(await store.readFrames(SCOPE, [Buffer.from(odd)])).toEqual([Buffer.from([10, 13])]);
  },

  'scopes do not share frames, however they are spelt': async ({ store }) => {
    const scopes = ['a', 'a:b', 'a b', '{a}', 'á', 'a%3Ab', '', `a:${digest('x').toString('hex')}`];
    for (const scope of scopes) await store.writeFrames(scope, [frame('x', Buffer.from(scope))], LONG_MS);
    for (const scope of scopes) {
      expect((await store.readFrames(scope, [digest('x')]))[0]?.toString()).toBe(scope);
    }
    expect(await store.readFrames('b', [digest('x')])).toEqual([undefined]);
  },

  'a frame that was deleted can be written anew, and others stay': async ({ store }) => {
    await store.writeFrames(SCOPE, [frame('a', Buffer.from('bad')), frame('b', Buffer.from('B'))], LONG_MS);
    await store.deleteFrames(SCOPE, [digest('a'), digest('never there')]);
    expect(await store.extendFrames(SCOPE, ['a', 'b'].map(digest), LONG_MS)).toEqual([false, true]);
    await store.writeFrames(SCOPE, [frame('a', Buffer.from('good'))], LONG_MS);
    const read = await store.readFrames(SCOPE, ['a', 'b'].map(digest));
    expect(read.map(String)).toEqual(['good', 'B']);
    await store.deleteFrames(SCOPE, []);
  },

  'a frame that is there is not written again': async ({ store }) => {
    await store.writeFrames(SCOPE, [frame('a', Buffer.from('first'))], LONG_MS);
    await store.writeFrames(
      SCOPE,
      [frame('a', Buffer.from('second')), frame('b', Buffer.from('B'))],
      LONG_MS,
    );
    const read = await store.readFrames(SCOPE, ['a', 'b'].map(digest));
    expect(read.map(String)).toEqual(['first', 'B']);
  },

  'a frame twice in one batch is stored once': async ({ store }) => {
    await store.writeFrames(SCOPE, [frame('a', Buffer.from('A')), frame('a', Buffer.from('A'))], LONG_MS);
    expect((await store.readFrames(SCOPE, [digest('a')])).map(String)).toEqual(['A']);
  },

  'frames are gone when their time to live has passed': async ({ store, elapse }) => {
    await store.writeFrames(SCOPE, [frame('short')], SHORT_MS);
    await store.writeFrames(SCOPE, [frame('long')], LONG_MS);
    await elapse(SHORT_MS);
    expect(await store.extendFrames(SCOPE, ['short', 'long'].map(digest), LONG_MS)).toEqual([false, true]);
    expect((await store.readFrames(SCOPE, ['short', 'long'].map(digest))).map(Boolean)).toEqual([
      false,
      true,
    ]);
  },

  'extending says of each frame whether it is there': async ({ store }) => {
    await store.writeFrames(SCOPE, [frame('a'), frame('c')], LONG_MS);
    const there = await store.extendFrames(SCOPE, ['a', 'b', 'c', 'a'].map(digest), LONG_MS);
    expect(there).toEqual([true, false, true, true]);
    expect(await store.extendFrames('other', [digest('a')], LONG_MS)).toEqual([false]);
  },

  'a time to live is only ever extended, never shortened': async ({ store, elapse }) => {
    await store.writeFrames(SCOPE, [frame('extended'), frame('written again')], SHORT_MS);
    await store.extendFrames(SCOPE, [digest('extended')], LONG_MS);
    await store.writeFrames(SCOPE, [frame('written again')], LONG_MS);
    await store.extendFrames(SCOPE, [digest('extended')], SHORT_MS);
    await store.writeFrames(SCOPE, [frame('written again')], SHORT_MS);
    await elapse(SHORT_MS);
    const there = await store.extendFrames(SCOPE, ['extended', 'written again'].map(digest), SHORT_MS);
    expect(there).toEqual([true, true]);
  },

  'a frame that was let go is there for its grace, and gone after it': async ({ store, elapse }) => {
    await store.writeFrames(SCOPE, [frame('gone', Buffer.from('G')), frame('other')], LONG_MS);
    await store.writeFrames('another', [frame('gone')], LONG_MS);
    await store.releaseFrames(SCOPE, [digest('gone')], { ...LONG_AGO, graceMs: LONG_MS / 2 });
    expect((await store.readFrames(SCOPE, [digest('gone')])).map(String)).toEqual(['G']);
    await store.releaseFrames(SCOPE, [digest('gone'), digest('never there')], LONG_AGO);
    await store.releaseFrames(SCOPE, [], LONG_AGO);
    await elapse(SHORT_MS);
    const there = await store.extendFrames(SCOPE, ['gone', 'never there', 'other'].map(digest), LONG_MS);
    expect(there).toEqual([false, false, true]);
    expect(await store.extendFrames('another', [digest('gone')], LONG_MS)).toEqual([true]);
  },

  'letting go lengthens no time to live': async ({ store, elapse }) => {
    await store.writeFrames(SCOPE, [frame('a')], SHORT_MS);
    await store.releaseFrames(SCOPE, [digest('a')], { ...LONG_AGO, graceMs: LONG_MS });
    await elapse(SHORT_MS);
    expect(await store.readFrames(SCOPE, [digest('a')])).toEqual([undefined]);
  },

  'a frame that is extended, or written again, stays though it was let go before': async (under) => {
    const { store, elapse } = under;
    const both = [frame('extended'), frame('written')];
    const digests = both.map((one) => one.digest);
    await store.writeFrames(SCOPE, both, LONG_MS);
    await store.releaseFrames(SCOPE, digests, { ...LONG_AGO, graceMs: LONG_MS / 8 });
    await store.extendFrames(SCOPE, [digest('extended')], LONG_MS);
    await store.writeFrames(SCOPE, [frame('written')], LONG_MS);
    // Of what still had its grace this would leave nothing.
    await store.releaseFrames(SCOPE, digests, JUST_NOW);
    await elapse(SHORT_MS);
    expect(await store.extendFrames(SCOPE, digests, LONG_MS)).toEqual([true, true]);
  },

  'of a frame that is extended and let go at the same time the extension counts': async (under) => {
    const { store, elapse } = under;
    const all = names(100).map((name) => frame(name));
    const digests = all.map((one) => one.digest);
    // Long ago, by what is left of it.
    await store.writeFrames(SCOPE, all, JUST_NOW.keptMs / 2);
    const calls = digests.flatMap((one, index) => [
      ...(index % 2 === 0 ? [store.extendFrames(SCOPE, [one], LONG_MS)] : []),
      store.releaseFrames(SCOPE, [one], { ...JUST_NOW, graceMs: JUST_NOW.keptMs / 4 }),
      ...(index % 2 === 0 ? [] : [store.extendFrames(SCOPE, [one], LONG_MS)]),
    ]);
    await Promise.all(calls);
    // Of what was not extended, or cut after that, this would leave nothing.
    await store.releaseFrames(SCOPE, digests, JUST_NOW);
    await elapse(SHORT_MS);
    expect(await store.extendFrames(SCOPE, digests, LONG_MS)).not.toContain(false);
  },

  'of two writers of a frame the longer time to live stays': async ({ store, elapse }) => {
    const writes = names(100).flatMap((name) => [
      store.writeFrames(SCOPE, [frame(name, Buffer.from(name))], LONG_MS),
      store.writeFrames(SCOPE, [frame(name, Buffer.from(name))], SHORT_MS),
    ]);
    await Promise.all(writes);
    await elapse(SHORT_MS);
    expect((await store.readFrames(SCOPE, names(100).map(digest))).map(String)).toEqual(names(100));
  },

  'a writer may change its bytes once they are written, a reader what it read': async ({ store }) => {
    const written = frame('a', Buffer.from('as written'));
    await store.writeFrames(SCOPE, [written, frame('b', Buffer.from('neighbour'))], LONG_MS);
    written.frame.fill(0);
    const [first, neighbour] = await store.readFrames(SCOPE, ['a', 'b'].map(digest));
    first!.fill(0);
    expect(String(neighbour)).toBe('neighbour');
    expect((await store.readFrames(SCOPE, [digest('a')])).map(String)).toEqual(['as written']);
  },

  'thousands of small frames go in one call': async ({ store }) => {
    const frames = names(5_000).map((name) => frame(name, Buffer.from(name)));
    const digests = frames.map((one) => one.digest);
    await store.writeFrames(SCOPE, frames, LONG_MS);
    expect((await store.extendFrames(SCOPE, digests, LONG_MS)).every(Boolean)).toBe(true);
    expect((await store.readFrames(SCOPE, digests)).map(String)).toEqual(names(5_000));
  },

  'large frames go in one call': async ({ store }) => {
    const sizes = [5 * 1024 * 1024, 1, 3 * 1024 * 1024, 2 * 1024 * 1024, 64 * 1024];
    const frames = sizes.map((size, index) => frame(String(index), randomBytes(size)));
    await store.writeFrames(SCOPE, frames, LONG_MS);
    const read = await store.readFrames(
      SCOPE,
      frames.map((one) => one.digest),
    );
    for (const [index, one] of read.entries()) expect(one!.equals(frames[index]!.frame)).toBe(true);
  },

  'many calls at a time do not disturb each other': async ({ store }) => {
    const callers = names(60).map(async (caller) => {
      const mine = names(20).map((name) => frame(`${caller} ${name}`, Buffer.from(`${caller} ${name}`)));
      await store.writeFrames(caller, mine, LONG_MS);
      const read = await store.readFrames(
        caller,
        mine.map((one) => one.digest),
      );
      expect(read).toEqual(mine.map((one) => one.frame));
    });
    await Promise.all(callers);
  },
};
