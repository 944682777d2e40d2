/** Records and filters of every kind. */
import { ExactNumber } from '@pannier/proto/partition-format';
import type { RecordValue } from '@pannier/proto/partition-format';
import fc from 'fast-check';
import type { FilterValue, RecordFilter } from './record-filter.ts';

const text = fc.oneof(
  fc.string({ maxLength: 4 }),
  fc.constantFrom('a', 'ab', 'b', '\ud7ff', '\ue000', '😀', 'x'.repeat(70), `${'x'.repeat(70)}y`),
);
export const scalar: fc.Arbitrary<FilterValue> = fc.oneof(
  text,
  fc.integer({ min: -3, max: 3 }),
  fc.constantFrom(0.5, -0, Number.NaN, Infinity, 9007199254740993n, 9007199254740992, 2n ** 63n - 1n),
  fc.boolean(),
  fc.constant(null),
);
/** What a record may hold and a filter cannot name. */
const numberOnly = fc.constantFrom<RecordValue>(
  Number.NaN,
  new ExactNumber('0.50000000000000000000000001'),
  new ExactNumber('0.49999999999999999999999999'),
  new ExactNumber('2.00000000000000000000000001'),
  new ExactNumber('9007199254740993.0'),
  new ExactNumber('1e400'),
);

const record: fc.Arbitrary<Record<string, RecordValue>> = fc.record(
  { a: fc.oneof({ arbitrary: scalar, weight: 4 }, numberOnly), b: scalar, c: fc.constant([1]) },
  { requiredKeys: [] },
);
export const records = fc.array(record, { maxLength: 12 });
export const field = fc.constantFrom('a', 'b', 'c');

export const { filter } = fc.letrec<{ filter: RecordFilter }>((tie) => ({
  filter: fc.oneof(
    { maxDepth: 3 },
    fc.record({ kind: fc.constant('equal' as const), field, value: scalar }),
    fc.record({ kind: fc.constant('in' as const), field, values: fc.array(scalar, { maxLength: 3 }) }),
    fc.record({
      kind: fc.constantFrom('less', 'less-or-equal', 'greater', 'greater-or-equal'),
      field,
      value: scalar,
    }),
    fc.record({ kind: fc.constant('prefix' as const), field, prefix: text }),
    fc.record({ kind: fc.constantFrom('all', 'any'), filters: fc.array(tie('filter'), { maxLength: 3 }) }),
    fc.record({ kind: fc.constant('not' as const), filter: tie('filter') }),
  ),
}));
