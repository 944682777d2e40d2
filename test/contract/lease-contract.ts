/** What every `LeaseStore` does. */
import { expect } from 'vitest';
import type { LeaseStore } from '../../cache-server/src/lease/lease-store.ts';

/** One to be judged. */
export interface LeasesUnderTest {
  readonly leases: LeaseStore;
  /** Lets a lease run out that nobody renews. */
  readonly elapseLease: () => Promise<void>;
}

const ALL = { after: '', countMax: 100 };
const bytes = (text: string): Buffer => Buffer.from(text, 'latin1');

async function taken(leases: LeaseStore, name: string): Promise<string> {
  const take = await leases.take(name);
  expect(take.kind).toBe('taken');
  return take.token;
}

async function texts(leases: LeaseStore, name: string, token: string): Promise<string[]> {
  const { records } = await leases.read(name, token, ALL);
  return records.map((record) => record.bytes.toString('latin1'));
}

export const leaseContract: Record<string, (under: LeasesUnderTest) => Promise<void>> = {
  'of many who take a lease at once one gets it, and the others learn its token': async ({ leases }) => {
    const takes = await Promise.all(Array.from({ length: 50 }, async () => await leases.take('herd')));
    expect(takes.filter(({ kind }) => kind === 'taken')).toHaveLength(1);
    expect(new Set(takes.map(({ token }) => token)).size).toBe(1);
    expect(takes.filter((take) => take.kind === 'held' && take.isAnswered)).toEqual([]);
  },

  'leases of different names do not know of each other': async ({ leases }) => {
    const one = await taken(leases, 'one');
    const other = await taken(leases, `one\n${one}`);
    expect(await leases.renew('one', other)).toBe(false);
    expect(await leases.renew('one', one)).toBe(true);
  },

  'tokens of a name grow in the order of their texts': async ({ leases }) => {
    let last = '';
    for (let round = 0; round < 20; round += 1) {
      const token = await taken(leases, 'again');
      expect(token > last).toBe(true);
      expect(token).toMatch(/^\d{16}-/);
      await leases.release('again', token);
      last = token;
    }
  },

  'a lease that is not renewed runs out; its token does nothing then': async ({ leases, elapseLease }) => {
    const first = await taken(leases, 'slow');
    await elapseLease();
    expect((await leases.read('slow', first, ALL)).holder).toBeUndefined();
    const second = await taken(leases, 'slow');
    expect(await leases.renew('slow', first)).toBe(false);
    expect(await leases.append('slow', first, { records: [bytes('late')], isAnswered: true })).toBe(false);
    await leases.release('slow', first);
    expect((await leases.read('slow', first, ALL)).holder).toBe(second);
    expect(await texts(leases, 'slow', first)).toEqual([]);
  },

  'records are read in their order, byte for byte, from any of them on': async ({ leases }) => {
    const token = await taken(leases, 'told');
    const every = Buffer.from(Array.from({ length: 256 }, (_none, value) => value));
    await leases.append('told', token, { records: [every, bytes('b')], isAnswered: false });
    await leases.append('told', token, { records: [bytes('c')], isAnswered: false });
    const first = await leases.read('told', token, { after: '', countMax: 2 });
    expect(first.records.map((record) => record.bytes)).toEqual([every, bytes('b')]);
    expect(first.holder).toBe(token);
    const after = first.records.at(-1)!.id;
    const { records } = await leases.read('told', token, { after, countMax: 2 });
    expect(records.map((record) => String(record.bytes))).toEqual(['c']);
    const none = await leases.read('told', token, { after: records.at(-1)!.id, countMax: 2 });
    expect(none.records).toEqual([]);
  },

  'what was told stays readable when the lease is given up, apart from what is told next': async ({
    leases,
  }) => {
    const first = await taken(leases, 'next');
    await leases.append('next', first, { records: [bytes('first')], isAnswered: true });
    await leases.release('next', first);
    const second = await taken(leases, 'next');
    await leases.append('next', second, { records: [bytes('second')], isAnswered: true });
    expect(await texts(leases, 'next', first)).toEqual(['first']);
    expect(await texts(leases, 'next', second)).toEqual(['second']);
  },

  'who comes late learns that the upstream has answered': async ({ leases }) => {
    const token = await taken(leases, 'late');
    await leases.append('late', token, { records: [bytes('head')], isAnswered: true });
    await leases.append('late', token, { records: [bytes('more')], isAnswered: false });
    expect(await leases.take('late')).toEqual({ kind: 'held', token, isAnswered: true });
  },

  'whoever listens is woken by what is appended and by the end of a lease': async ({ leases }) => {
    const token = await taken(leases, 'heard');
    let news = Promise.withResolvers<void>();
    const stop = leases.onNews('heard', () => news.resolve());
    // A listener is let in sooner or later: what is lost before that is found by looking.
    for (let heard = false; !heard;) {
      await leases.append('heard', token, { records: [bytes('x')], isAnswered: true });
      const given = new Promise<false>((resolve) => setTimeout(() => resolve(false), 20));
      heard = await Promise.race([news.promise.then(() => true), given]);
    }
    news = Promise.withResolvers<void>();
    await leases.release('heard', token);
    await news.promise;
    stop();
  },
};
