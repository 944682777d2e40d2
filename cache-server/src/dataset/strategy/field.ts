/** `field`: one partition for each value, or combination of values, of one or several fields. */
import type { RecordValue } from '@pannier/proto/partition-format';
import { keyValue, nameOf } from './key-value.ts';
import type { KeyValue, OpenStrategy, Placement, Strategy } from './strategy.ts';

/** Values whose placement is remembered; more only cost a little time. */
const REMEMBERED_MAX = 20_000;

class FieldStrategy implements Strategy {
  readonly keyNames: readonly string[];
  missing = 0;
  readonly #known = new Map<KeyValue, readonly Placement[]>();

  constructor(fields: readonly string[]) {
    this.keyNames = fields;
  }

  place(record: RecordValue): readonly Placement[] {
    const [field = ''] = this.keyNames;
    if (this.keyNames.length > 1) return this.#placed(this.keyNames.map((name) => keyValue(record, name)));
    const value = keyValue(record, field);
    const known = this.#known.get(value);
    if (known !== undefined && value !== undefined) return known;
    const placed = this.#placed([value]);
    if (this.#known.size < REMEMBERED_MAX) this.#known.set(value, placed);
    return placed;
  }

  #placed(key: readonly KeyValue[]): readonly Placement[] {
    if (key.includes(undefined)) this.missing += 1;
    return [{ name: key.map(nameOf).join('/'), key }];
  }
}

/** @param fields at least one */
export function fieldStrategy(fields: readonly string[]): OpenStrategy {
  return () => new FieldStrategy(fields);
}
