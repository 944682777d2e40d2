/** A store with a janitor who goes through it, for the tests of what is left behind. */
import { Janitor } from './janitor/janitor.ts';
import { MemoryUseLedger } from './janitor/use-ledger.ts';
import { datasetEstate, objectEstate } from './left-behind.ts';
import { createMemoryStore } from './store/memory-store.ts';
import type { EntryStore } from './store/entry-store.ts';

/** An owner that was silent for so long is gone. */
export const TTL_MS = 1000;
/** What nobody names any more stays for so long. */
export const GRACE_MS = TTL_MS / 2;
export const LONG_MS = 1e10;
const never = new AbortController().signal;

/** A store that does something before it does what it is asked for. */
export function watched(store: EntryStore, before: Partial<EntryStore>): EntryStore {
  return new Proxy(store, {
    get(target, name: keyof EntryStore) {
      const method = target[name] as unknown;
      if (typeof method !== 'function') return method;
      return async (...args: unknown[]): Promise<unknown> => {
        await (before[name] as ((...all: unknown[]) => Promise<unknown>) | undefined)?.(...args);
        return await (method.apply(target, args) as Promise<unknown>);
      };
    },
  });
}

/** A store, and a janitor who looks at all of it through `before`. */
export function openHouse(before: Partial<EntryStore> = {}): {
  store: EntryStore;
  ledger: MemoryUseLedger;
  clock: { now: () => number; after: () => () => void; ms: number };
  clean: () => Promise<string[]>;
} {
  const clock = { ms: 10_000, now: () => clock.ms, after: () => () => undefined };
  const store = createMemoryStore({ bytesMax: 1 << 26, now: clock.now });
  const ledger = new MemoryUseLedger();
  const seen = watched(store, before);
  const janitor = new Janitor({
    estates: [
      objectEstate({ store: seen, graceMs: GRACE_MS }),
      datasetEstate({ store: seen, graceMs: GRACE_MS, declared: new Set(['geo/towns']) }),
    ],
    listKeys: async (page) => await store.listKeys(page),
    ledger,
    clock,
    scopeTtlMs: TTL_MS,
    count: () => undefined,
  });
  const clean = async (): Promise<string[]> => {
    const told: string[] = [];
    for await (const { findings = [] } of janitor.run({ isDry: false, signal: never }))
      told.push(...findings.map(({ name, keys }) => `${name} ${keys}`));
    return told;
  };
  return { store, ledger, clock, clean };
}
