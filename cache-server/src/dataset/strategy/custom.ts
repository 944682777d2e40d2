/** `custom`: the operator's own ES module, whose default export names the partition, or partitions, of a record. */
import { pathToFileURL } from 'node:url';
import type { RecordValue } from '@pannier/proto/partition-format';
import { DatasetError } from '../dataset-error.ts';
import { nameOf } from './key-value.ts';
import type { OpenStrategy, Placement, Strategy } from './strategy.ts';

type CustomRule = (record: RecordValue) => unknown;

class CustomStrategy implements Strategy {
  readonly keyNames = ['partition'];
  readonly missing = 0;
  readonly #path: string;
  readonly #rule: CustomRule;
  #records = 0;

  constructor(path: string, rule: CustomRule) {
    this.#path = path;
    this.#rule = rule;
  }

  place(record: RecordValue): readonly Placement[] | Promise<readonly Placement[]> {
    this.#records += 1;
    const at = this.#records;
    let named: unknown;
    try {
      named = this.#rule(record);
    } catch (cause) {
      throw this.#failure(at, `throws: ${messageOf(cause)}`, cause);
    }
    if (!(named instanceof Promise)) return this.#placements(named, at);
    return named.then(
      (later) => this.#placements(later, at),
      (cause: unknown) => {
        throw this.#failure(at, `rejects: ${messageOf(cause)}`, cause);
      },
    );
  }

  #placements(named: unknown, at: number): readonly Placement[] {
    const names: readonly unknown[] = Array.isArray(named) ? named : [named];
    const places = names.map((name) => {
      if (typeof name !== 'string' || name === '')
        throw this.#failure(at, 'returns neither a name nor a list of names');
      return { name: nameOf(name), key: [name] };
    });
    if (places.length === 0 || new Set(names).size < names.length)
      throw this.#failure(at, 'returns no name, or one twice');
    return places;
  }

  #failure(at: number, what: string, cause?: unknown): DatasetError {
    return new DatasetError('bad-rule', `module ${this.#path} ${what} for record ${at}`, { cause });
  }
}

function messageOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}

/** @throws DatasetError `bad-rule` when the module cannot be loaded or exports no function */
export async function customStrategy(path: string): Promise<OpenStrategy> {
  let loaded: unknown;
  try {
    loaded = await import(pathToFileURL(path).href);
  } catch (cause) {
    throw new DatasetError('bad-rule', `module ${path} cannot be loaded: ${messageOf(cause)}`, { cause });
  }
  const rule = (loaded as { default?: unknown }).default;
  if (typeof rule !== 'function')
    throw new DatasetError('bad-rule', `module ${path} has no default export that is a function`);
  return () => new CustomStrategy(path, rule as CustomRule);
}
