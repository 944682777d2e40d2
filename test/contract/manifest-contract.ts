import { expect } from 'vitest';
import type { ContractTests } from './store-harness.ts';
import { LONG_MS, SHORT_MS, key, listAll, manifest } from './store-harness.ts';

const EVERY_BYTE = Buffer.from(Array.from({ length: 256 }, (_none, value) => value));
const ODD_KEYS = [
  'geo:original:plain',
  'geo:original:with space',
  'geo:original:*?[a-z]\\',
  'geo:original:line\r\nbreak\0null',
  'geo:original:příliš 🐴 žluťoučký',
  `geo:original:${'long'.repeat(2_000)}`,
  'geo:original:%7B%7D',
  '',
];

/** What a manifest does in every store. */
export const manifestContract: ContractTests = {
  'a manifest that nobody wrote is undefined': async ({ store }) => {
    expect(await store.readManifest(key('none'))).toBeUndefined();
  },

  'a manifest is read back byte for byte': async ({ store }) => {
    await store.writeManifest(key('a'), { bytes: EVERY_BYTE, version: '1', ttlMs: LONG_MS });
    expect(await store.readManifest(key('a'))).toEqual(EVERY_BYTE);
  },

  'an empty manifest is a manifest': async ({ store }) => {
    await store.writeManifest(key('a'), manifest('', '1'));
    expect(await store.readManifest(key('a'))).toEqual(Buffer.alloc(0));
  },

  'keys are safe whatever stands in them': async ({ store }) => {
    for (const odd of ODD_KEYS) expect(await store.writeManifest(odd, manifest(odd, '1'))).toBe(true);
    for (const odd of ODD_KEYS) expect(String(await store.readManifest(odd))).toBe(odd);
    for (const odd of ODD_KEYS) expect(await store.deleteManifest(odd)).toBe(true);
  },

  'a view into a larger buffer is stored as the view alone': async ({ store }) => {
    await store.writeManifest(key('a'), {
      ...manifest('', '1'),
      bytes: new Uint8Array(EVERY_BYTE).subarray(5, 9),
    });
    expect(await store.readManifest(key('a'))).toEqual(Buffer.from([5, 6, 7, 8]));
  },

  'the writer may change its bytes as soon as the call has returned': async ({ store }) => {
    const bytes = Buffer.from('as written');
    const written = store.writeManifest(key('a'), { ...manifest('', '1'), bytes });
    bytes.fill(0);
    await written;
    expect(String(await store.readManifest(key('a')))).toBe('as written');
  },

  'a reader may change what it read': async ({ store }) => {
    await store.writeManifest(key('a'), manifest('as written', '1'));
    const [first, second] = await Promise.all([store.readManifest(key('a')), store.readManifest(key('a'))]);
    first!.fill(0);
    expect(String(second)).toBe('as written');
    expect(String(await store.readManifest(key('a')))).toBe('as written');
  },

  'a manifest is gone when its time to live has passed': async ({ store, elapse }) => {
    await store.writeManifest(key('short'), manifest('short', '1', { ttlMs: SHORT_MS }));
    await store.writeManifest(key('long'), manifest('long', '1'));
    await elapse(SHORT_MS);
    expect(await store.readManifest(key('short'))).toBeUndefined();
    expect(await store.deleteManifest(key('short'))).toBe(false);
    expect(String(await store.readManifest(key('long')))).toBe('long');
  },

  'a rewrite gives the manifest its own time to live, longer or shorter': async ({ store, elapse }) => {
    await store.writeManifest(key('a'), manifest('1', '1', { ttlMs: SHORT_MS }));
    await store.writeManifest(key('a'), manifest('2', '2'));
    await store.writeManifest(key('b'), manifest('1', '1'));
    await store.writeManifest(key('b'), manifest('2', '2', { ttlMs: SHORT_MS }));
    await elapse(SHORT_MS);
    expect(String(await store.readManifest(key('a')))).toBe('2');
    expect(await store.readManifest(key('b'))).toBeUndefined();
  },

  'a time to live of less than a millisecond is refused': async ({ store }) => {
    for (const ttlMs of [0, -1, Number.NaN]) {
      await expect(store.writeManifest(key('a'), manifest('a', '1', { ttlMs }))).rejects.toThrow(
        'time to live',
      );
    }
    expect(await store.readManifest(key('a'))).toBeUndefined();
  },

  'a time to live may be broken or without an end': async ({ store }) => {
    await store.writeManifest(key('a'), manifest('a', '1', { ttlMs: 60_000.5 }));
    await store.writeManifest(key('b'), manifest('b', '1', { ttlMs: Infinity }));
    expect(String(await store.readManifest(key('a')))).toBe('a');
    expect(String(await store.readManifest(key('b')))).toBe('b');
  },

  'a deleted manifest is gone, and only the first deletion says so': async ({ store }) => {
    await store.writeManifest(key('a'), manifest('a', '1'));
    expect(await store.deleteManifest(key('a'))).toBe(true);
    expect(await store.deleteManifest(key('a'))).toBe(false);
    expect(await store.readManifest(key('a'))).toBeUndefined();
  },

  'a closed store rejects every call': async (under) => {
    const { store } = under;
    await under.close();
    const calls = [
      store.readManifest(key('a')),
      store.writeManifest(key('a'), manifest('a', '1')),
      store.deleteManifest(key('a')),
      store.readFrames('geo', [Buffer.alloc(32)]),
      store.writeFrames('geo', [{ digest: Buffer.alloc(32), frame: Buffer.alloc(1) }], LONG_MS),
      store.extendFrames('geo', [Buffer.alloc(32)], LONG_MS),
      store.releaseFrames('geo', [Buffer.alloc(32)], { keptMs: 2 * LONG_MS, graceMs: LONG_MS }),
      store.listKeys({ contains: '', cursor: '', limit: 1 }),
      store.stats(),
    ];
    for (const call of calls) await expect(call).rejects.toMatchObject({ code: 'store' });
  },

  'of those who write a manifest only where there is none, one does': async ({ store, elapse }) => {
    const writes = Array.from({ length: 8 }, async (_, at) => {
      const write = manifest(`by ${at}`, String(at), { ifAbsent: true, ttlMs: 1000 });
      return await store.writeManifest(key('a'), write);
    });
    const written = await Promise.all(writes);
    expect(written.filter(Boolean)).toHaveLength(1);
    expect(String(await store.readManifest(key('a')))).toBe(`by ${written.indexOf(true)}`);
    await elapse(1500);
    expect(await store.writeManifest(key('a'), manifest('later', '9', { ifAbsent: true }))).toBe(true);
  },

  'a manifest that is kept is read, listed, replaced, deleted and ended by its time like any other': async ({
    store,
    elapse,
  }) => {
    await store.writeManifest(key('a'), { ...manifest('first', '1'), isKept: true });
    expect(await store.writeManifest(key('a'), manifest('no', '2', { ifVersion: '0' }))).toBe(false);
    const second = { ...manifest('second', '2', { ifVersion: '1' }), isKept: true };
    expect(await store.writeManifest(key('a'), second)).toBe(true);
    expect(String(await store.readManifest(key('a')))).toBe('second');
    expect(await listAll(store, '')).toEqual([key('a')]);
    await store.writeManifest(key('a'), manifest('plain', '3'));
    await store.writeManifest(key('a'), { ...manifest('kept', '4'), isKept: true });
    expect(String(await store.readManifest(key('a')))).toBe('kept');
    expect(await store.deleteManifest(key('a'))).toBe(true);
    expect(await store.deleteManifest(key('a'))).toBe(false);
    await store.writeManifest(key('b'), { ...manifest('b', '1', { ttlMs: SHORT_MS }), isKept: true });
    await elapse(SHORT_MS);
    expect(await store.readManifest(key('b'))).toBeUndefined();
    expect(await listAll(store, '')).toEqual([]);
  },
};
