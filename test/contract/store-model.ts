import fc from 'fast-check';
import { expect } from 'vitest';
import type { EntryStore } from '../../cache-server/src/store/entry-store.ts';
import type { OpenStore } from './store-harness.ts';
import { LONG_MS, digest, listAll } from './store-harness.ts';

/** What a store should hold: two plain maps. */
interface Model {
  manifests: Map<string, { version: string; bytes: string }>;
  frames: Map<string, string>;
}

/** One call on both; it fails when they answer differently. */
type Operation = (store: EntryStore, model: Model) => Promise<void>;

// Few names, so that operations meet.
const name = fc.constantFrom('a', 'b', 'c*', 'č', 'a:b');
const scope = fc.constantFrom('s', 's:t', '{s}');
const version = fc.constantFrom('1', '2', '');
const content = fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes));
const frameNames = fc.array(name, { maxLength: 6 });

const operation: fc.Arbitrary<Operation> = fc.oneof(
  fc.record({ key: name, bytes: content, version, ifVersion: fc.option(version) }).map(writeManifest),
  name.map(readManifest),
  name.map(deleteManifest),
  fc.tuple(scope, fc.array(fc.tuple(name, content), { maxLength: 6 })).map((args) => writeFrames(...args)),
  fc.tuple(scope, frameNames).map((args) => readFrames(...args)),
  fc.tuple(scope, frameNames).map((args) => extendFrames(...args)),
  fc.tuple(scope, frameNames).map((args) => deleteFrames(...args)),
  fc.tuple(scope, frameNames).map((args) => releaseFrames(...args)),
  fc.constantFrom('', 'a', '*', ':').map(listKeys),
);

/** Runs random operations on a store and on the model, and compares every answer. */
export async function compareWithModel(open: OpenStore, numRuns: number): Promise<void> {
  await fc.assert(
    fc.asyncProperty(fc.array(operation, { maxLength: 40 }), async (operations) => {
      const { store, close } = await open();
      const model: Model = { manifests: new Map(), frames: new Map() };
      try {
        for (const operate of operations) await operate(store, model);
      } finally {
        await close();
      }
    }),
    { numRuns },
  );
}

function writeManifest(write: {
  key: string;
  bytes: Buffer;
  version: string;
  ifVersion: string | null;
}): Operation {
  const { key, ifVersion, ...content } = write;
  const manifest = { ...content, ttlMs: LONG_MS, ...(ifVersion === null ? {} : { ifVersion }) };
  return async (store, { manifests }) => {
    const writes = ifVersion === null || manifests.get(key)?.version === ifVersion;
    expect(await store.writeManifest(key, manifest)).toBe(writes);
    if (writes) manifests.set(key, { version: content.version, bytes: content.bytes.toString('hex') });
  };
}

function readManifest(key: string): Operation {
  return async (store, { manifests }) => {
    expect((await store.readManifest(key))?.toString('hex')).toBe(manifests.get(key)?.bytes);
  };
}

function deleteManifest(key: string): Operation {
  return async (store, { manifests }) => {
    expect(await store.deleteManifest(key)).toBe(manifests.delete(key));
  };
}

function writeFrames(inScope: string, written: [string, Buffer][]): Operation {
  return async (store, { frames }) => {
    const batch = written.map(([from, frame]) => ({ digest: digest(from), frame }));
    await store.writeFrames(inScope, batch, LONG_MS);
    for (const [from, frame] of written) {
      const slot = `${inScope}/${from}`;
      if (!frames.has(slot)) frames.set(slot, frame.toString('hex'));
    }
  };
}

function readFrames(inScope: string, asked: string[]): Operation {
  return async (store, { frames }) => {
    const read = await store.readFrames(inScope, asked.map(digest));
    expect(read.map((frame) => frame?.toString('hex'))).toEqual(
      asked.map((one) => frames.get(`${inScope}/${one}`)),
    );
  };
}

function extendFrames(inScope: string, asked: string[]): Operation {
  return async (store, { frames }) => {
    const there = await store.extendFrames(inScope, asked.map(digest), LONG_MS);
    expect(there).toEqual(asked.map((one) => frames.has(`${inScope}/${one}`)));
  };
}

function deleteFrames(inScope: string, deleted: string[]): Operation {
  return async (store, { frames }) => {
    await store.deleteFrames(inScope, deleted.map(digest));
    for (const from of deleted) frames.delete(`${inScope}/${from}`);
  };
}

/** Their grace outlasts the test. */
function releaseFrames(inScope: string, released: string[]): Operation {
  return async (store) => {
    const release = { keptMs: 2 * LONG_MS, graceMs: LONG_MS / 2 };
    await store.releaseFrames(inScope, released.map(digest), release);
  };
}

function listKeys(contains: string): Operation {
  return async (store, { manifests }) => {
    const listed = new Set(await listAll(store, contains));
    const expected = [...manifests.keys()].filter((key) => key.includes(contains));
    expect([...listed].toSorted()).toEqual(expected.toSorted());
  };
}
