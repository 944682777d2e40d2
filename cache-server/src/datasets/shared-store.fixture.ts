/** A store as several servers share one, that a test takes away. */
import { CacheServerError } from '../errors.ts';
import type { EntryStore } from '../store/entry-store.ts';

/** A method of the store, and what it is about: a key or a scope. */
export type StoreCall = readonly [method: string, about: string];

/** See the head of this file. */
export class SharedStore {
  /** All that was asked of it. */
  readonly calls: StoreCall[] = [];
  /** Which calls fail; default: none. */
  fails: (method: string, about: string) => boolean = () => false;

  /** Called before the store is asked. */
  onCall: (method: string, args: readonly unknown[]) => Promise<void> = async () => undefined;

  /** Stands before a store in memory. */
  readonly before = (memory: EntryStore): EntryStore =>
    new Proxy(memory, {
      get: (target, name: keyof EntryStore) => {
        const value = target[name];
        if (name === 'kind') return 'redis';
        if (typeof value !== 'function') return value;
        return async (...args: never[]) => {
          const about = String(args[0]);
          this.calls.push([name, about]);
          if (this.fails(name, about)) throw new CacheServerError('store', `${name} fails on purpose`);
          await this.onCall(name, args);
          return await (value as (...args: never[]) => Promise<unknown>).apply(target, args);
        };
      },
    });

  takeAway(): void {
    this.fails = () => true;
  }

  giveBack(): void {
    this.fails = () => false;
  }
}
