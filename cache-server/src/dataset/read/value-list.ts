/** The values of an `equal` or an `in`, in an order in which those within bounds are found without looking at all of them. */
import { compareUtf8 } from '@pannier/proto/partition-format';
import type { FilterValue } from '@pannier/proto/partition-format';
import type { FieldStatistics } from './field-statistics.ts';

/** A string bound of statistics may be cut at this many bytes, and then proves nothing. */
const BOUND_BYTES_MAX = 64;

/** What statistics of a field tell of its values and of this list. */
export class ValueList {
  readonly #numbers: readonly (number | bigint)[];
  readonly #strings: readonly string[];
  readonly #others: ReadonlySet<FilterValue>;

  constructor(values: readonly FilterValue[]) {
    const isNumber = (value: FilterValue): value is number | bigint =>
      typeof value === 'bigint' || (typeof value === 'number' && !Number.isNaN(value));
    this.#numbers = values
      .filter(isNumber)
      .toSorted((one, other) => (one < other ? -1 : one > other ? 1 : 0));
    this.#strings = values
      .filter((value) => typeof value === 'string')
      .map((text) => text.toWellFormed())
      .toSorted(compareUtf8);
    this.#others = new Set(values.filter((value) => value === null || typeof value === 'boolean'));
  }

  /** Whether a value of the field can be one of the list. */
  mayHold({ types, minNumber, maxNumber, minString, maxString }: FieldStatistics): boolean {
    if (this.#others.has(null) && types.includes('null')) return true;
    if ((this.#others.has(true) || this.#others.has(false)) && types.includes('boolean')) return true;
    if (minNumber !== undefined && maxNumber !== undefined) {
      const least = firstNotBefore(this.#numbers, (value) => value < minNumber);
      if (least !== undefined && least <= maxNumber) return true;
    }
    if (!types.includes('string')) return false;
    const first = firstNotBefore(
      this.#strings,
      (value) => minString !== undefined && compareUtf8(value, minString) < 0,
    );
    return first !== undefined && (maxString === undefined || compareUtf8(first, maxString) <= 0);
  }

  /** Whether every value of the field is the same one, and that is of the list. */
  holdsAll({ types, minNumber, maxNumber, minString, maxString }: FieldStatistics): boolean {
    const [type, ...more] = types;
    if (more.length > 0) return false;
    if (type === 'null') return this.#others.has(null);
    if (type === 'string') {
      if (minString === undefined || minString !== maxString) return false;
      const isWhole = Buffer.byteLength(minString) < BOUND_BYTES_MAX;
      return (
        isWhole && firstNotBefore(this.#strings, (value) => compareUtf8(value, minString) < 0) === minString
      );
    }
    // Integers that a double cannot hold have bounds that are wider than themselves, so that equal ones are exact, but for infinite ones.
    if (minNumber === undefined || minNumber !== maxNumber || !Number.isFinite(minNumber)) return false;
    const least = firstNotBefore(this.#numbers, (value) => value < minNumber);
    return least !== undefined && !(least > minNumber);
  }
}

/** The first of sorted values of which it is not said that it comes before. */
function firstNotBefore<T>(sorted: readonly T[], isBefore: (value: T) => boolean): T | undefined {
  let [from, to] = [0, sorted.length];
  while (from < to) {
    const middle = (from + to) >>> 1;
    const value = sorted[middle];
    if (value !== undefined && isBefore(value)) from = middle + 1;
    else to = middle;
  }
  return sorted[from];
}
