/**
 * The order in which a record's fields were written, where a JavaScript object cannot keep it: an object lists names that are whole numbers, as the
 * years of a statistic are, before all others and by their size. Such a record carries its order along, out of sight of who lists its fields.
 */
import type { RecordObject } from './record-value.ts';

const ORDER = Symbol('field order');
const INDEX = /^(?:0|[1-9]\d{0,9})$/;
/** ECMA-262 §6.1.7: names of array elements end before this. */
const INDEX_END = 2 ** 32 - 1;

/** Whether a name is one that an object lists before others. */
export function isIndexName(name: string): boolean {
  const first = name.charCodeAt(0);
  return first >= 0x30 && first <= 0x39 && INDEX.test(name) && Number(name) < INDEX_END;
}

/** Whether an object would list these names in another order. */
export function losesOrder(names: readonly string[]): boolean {
  let last = -1;
  for (const [at, name] of names.entries()) {
    if (!isIndexName(name)) last = Infinity;
    else if (Number(name) < last || (at > 0 && last === Infinity)) return true;
    else last = Number(name);
  }
  return false;
}

/** Puts the order on a record. The list may be that of many records, and is compared by identity first. */
export function keepFieldOrder(record: RecordObject, names: readonly string[]): void {
  Object.defineProperty(record, ORDER, { value: names, configurable: true });
}

/** The order that was put on a record; undefined where that of the object is right. */
export function keptFieldOrder(record: RecordObject): readonly string[] | undefined {
  return (record as { readonly [ORDER]?: readonly string[] })[ORDER];
}

/** The fields of a record in the order in which they were written; those that came later last. */
export function fieldNames(record: RecordObject): string[] {
  const names = Object.keys(record);
  const order = keptFieldOrder(record);
  if (order === undefined) return names;
  const written = order.filter((name) => Object.hasOwn(record, name));
  return written.length === names.length ? written : [...new Set([...written, ...names])];
}
