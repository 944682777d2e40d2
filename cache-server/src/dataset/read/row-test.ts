/** A filter as it is tried on the rows of one block after the other. */
import { filterTest, valueTest } from '@pannier/proto/partition-format';
import type { ColumnBlock, FieldCondition, RecordFilter, ValueTest } from '@pannier/proto/partition-format';

/** Prepares a filter for blocks: what a condition needs to know of its values is made once. */
export function rowTestOf(filter: RecordFilter): (block: ColumnBlock) => (row: number) => boolean {
  const tests = new Map<FieldCondition, ValueTest>();
  const testFor = (condition: FieldCondition): ValueTest => {
    const test = tests.get(condition) ?? valueTest(condition);
    tests.set(condition, test);
    return test;
  };
  return ({ names, columns }) => {
    const places = new Map((names ?? []).map((name, at) => [name, at]));
    return filterTest(filter, (condition) => {
      const place = places.get(condition.field);
      const column = place === undefined ? undefined : columns[place];
      // Nothing is absent in a block that has the field.
      if (column === undefined) return () => false;
      const test = testFor(condition);
      return (row) => test(column[row] ?? null);
    });
  };
}
