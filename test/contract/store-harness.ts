import { createHash, randomBytes } from 'node:crypto';
import type { EntryStore, FrameWrite, ManifestWrite } from '../../cache-server/src/store/entry-store.ts';

/** One open store, empty, and what the contract needs besides to look at it. */
export interface StoreUnderTest {
  readonly store: EntryStore;
  /** Lets at least this time pass for the store: by its clock where it has one, else in truth. */
  elapse(ms: number): Promise<void>;
  /** What must hold after every test; then the store is closed. */
  close(): Promise<void>;
}

/** Opens an empty store. */
export type OpenStore = () => Promise<StoreUnderTest>;

/** The tests of one chapter: title and body. */
export type ContractTests = Record<string, (under: StoreUnderTest) => Promise<void>>;

/** Long enough for every test, in milliseconds. */
export const LONG_MS = 600_000;
/** Short enough to wait for, in milliseconds. */
export const SHORT_MS = 50;

export const SCOPE = 'geo';

/** A key as it is made from a name. */
export function key(name: string): string {
  return `geo:original:GET%20http%3A//api.example/${name}`;
}

/** A frame, by default of random bytes, under the digest of what it is made from. */
export function frame(name: string, bytes: Uint8Array = randomBytes(200)): FrameWrite {
  return { digest: digest(name), frame: bytes };
}

/** The digest that a name stands for. */
export function digest(name: string): Buffer {
  return createHash('sha256').update(name).digest();
}

/** A manifest to write: text, version and a long time to live unless told otherwise. */
export function manifest(
  text: string,
  version: string,
  options: Partial<Pick<ManifestWrite, 'ttlMs' | 'ifVersion' | 'ifAbsent' | 'fence'>> = {},
): ManifestWrite & { bytes: Buffer } {
  return { bytes: Buffer.from(text), version, ttlMs: LONG_MS, ...options };
}

/** Every page of a listing, one after the other. */
export async function listAll(store: EntryStore, contains: string, limit = 10): Promise<string[]> {
  const keys: string[] = [];
  let cursor = '';
  do {
    const page = await store.listKeys({ contains, cursor, limit });
    keys.push(...page.keys);
    cursor = page.cursor;
  } while (cursor !== '');
  return keys;
}
