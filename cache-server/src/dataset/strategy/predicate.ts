/** `predicate`: named boolean expressions in JSONata; a record goes to the first that holds, or to all, and else to the rest. */
import jsonata from 'jsonata';
import type { RecordValue } from '@pannier/proto/partition-format';
import { DatasetError } from '../dataset-error.ts';
import type { OpenStrategy, Placement, Strategy } from './strategy.ts';

/** Settings of {@link predicateStrategy}. */
export interface PredicateOptions {
  /** Expression by the name of its partition, in the order in which they are tried. */
  readonly predicates: Readonly<Record<string, string>>;
  readonly matches: 'first' | 'all';
  /** Name of the partition of what no predicate takes. */
  readonly rest: string;
}

interface Predicate {
  readonly name: string;
  readonly expression: jsonata.Expression;
}

class PredicateStrategy implements Strategy {
  readonly keyNames = ['predicate'];
  readonly missing = 0;
  readonly #predicates: readonly Predicate[];
  readonly #options: PredicateOptions;
  readonly #places: ReadonlyMap<string, Placement>;
  #records = 0;

  constructor(predicates: readonly Predicate[], options: PredicateOptions) {
    this.#predicates = predicates;
    this.#options = options;
    const names = [...predicates.map(({ name }) => name), options.rest];
    this.#places = new Map(names.map((name) => [name, { name, key: [name] }]));
  }

  async place(record: RecordValue): Promise<readonly Placement[]> {
    this.#records += 1;
    const found: Placement[] = [];
    for (const { name, expression } of this.#predicates) {
      if (!(await this.#holds(name, expression, record))) continue;
      const place = this.#places.get(name);
      if (place !== undefined) found.push(place);
      if (this.#options.matches === 'first') return found;
    }
    const rest = this.#places.get(this.#options.rest);
    return found.length > 0 || rest === undefined ? found : [rest];
  }

  async #holds(name: string, expression: jsonata.Expression, record: RecordValue): Promise<boolean> {
    try {
      const result: unknown = await expression.evaluate(record);
      // Nothing, as where the field is absent, is no match; anything that is neither is a mistake of the expression.
      if (result === undefined || typeof result === 'boolean') return result === true;
      throw new TypeError(`it gives a ${typeof result}, not true or false`);
    } catch (cause) {
      const why = cause instanceof Error ? cause.message : String((cause as { message?: unknown }).message);
      throw new DatasetError('bad-rule', `predicate ${name} fails on record ${this.#records}: ${why}`, {
        cause,
      });
    }
  }
}

/** @throws DatasetError `bad-rule` for an expression that does not compile */
export function predicateStrategy(options: PredicateOptions): OpenStrategy {
  const predicates = Object.entries(options.predicates).map(([name, text]): Predicate => {
    try {
      return { name, expression: jsonata(text) };
    } catch (cause) {
      const why = String((cause as { message?: unknown }).message);
      throw new DatasetError('bad-rule', `predicate ${name} does not compile: ${why}`, { cause });
    }
  });
  return () => new PredicateStrategy(predicates, options);
}
