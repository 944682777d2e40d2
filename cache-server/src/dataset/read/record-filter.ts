/** What a query may ask for: fields that there are, and no more conditions than can be tried. What they mean the partition format says. */
import type { RecordFilter } from '@pannier/proto/partition-format';
import { DatasetError } from '../dataset-error.ts';

export type { FieldCondition, FilterValue, RecordFilter } from '@pannier/proto/partition-format';

/** Conditions of one filter, each value of a list being one. */
const NODES_MAX = 10_000;
const DEPTH_MAX = 50;
/**
 * Conditions times records of one partition: some two seconds of the thread that selects rows. A list of `in` is one condition however
 * long it is.
 */
const CONDITION_RECORDS_MAX = 20_000_000;
/** Fields that a refusal names. */
const FIELDS_NAMED_MAX = 50;

/** Fields of a dataset, for checks. */
export interface KnownFields {
  readonly dataset: string;
  readonly fields: ReadonlySet<string>;
}

/** Checks that a filter can be answered. @throws DatasetError `bad-query` naming the fields that there are */
export function checkFilter(filter: RecordFilter, known: KnownFields): void {
  let nodes = 0;
  const check = (one: RecordFilter, depth: number): void => {
    nodes += 'values' in one ? Math.max(1, one.values.length) : 1;
    if (nodes > NODES_MAX || depth > DEPTH_MAX)
      throw new DatasetError(
        'bad-query',
        `filter: over ${NODES_MAX} conditions, or nested deeper than ${DEPTH_MAX}`,
      );
    if ('filters' in one) for (const inner of one.filters) check(inner, depth + 1);
    else if ('filter' in one) check(one.filter, depth + 1);
    else if (!known.fields.has(one.field)) throw noField('filter', one.field, known);
  };
  check(filter, 0);
}

/** Checks a field of a projection. @throws DatasetError `bad-query` naming the fields that there are */
export function requireField(field: string, known: KnownFields): void {
  if (!known.fields.has(field)) throw noField('fields', field, known);
}

/** Checks that a filter can be tried on the records of a partition. @throws DatasetError `bad-query` */
export function requireAffordable(conditions: number, records: number, partition: string): void {
  if (conditions * records <= CONDITION_RECORDS_MAX) return;
  throw new DatasetError(
    'bad-query',
    `filter: ${conditions} conditions on the ${records} records of partition ${partition} are over the limit of ` +
      `${CONDITION_RECORDS_MAX} for conditions times records; a list of values (\`in\`) is one condition`,
  );
}

/** Conditions that one record may have to be tried on. */
export function conditionCount(filter: RecordFilter): number {
  if ('filters' in filter)
    return Math.max(
      1,
      filter.filters.reduce((sum, one) => sum + conditionCount(one), 0),
    );
  return filter.kind === 'not' ? conditionCount(filter.filter) : 1;
}

/** @param where the part of the query that names it */
function noField(where: 'filter' | 'fields', field: string, { dataset, fields }: KnownFields): DatasetError {
  const names = [...fields];
  const more = names.length - FIELDS_NAMED_MAX;
  const told = names.slice(0, FIELDS_NAMED_MAX).join(', ') + (more > 0 ? ` and ${more} more` : '');
  return new DatasetError(
    'bad-query',
    `${where}: dataset ${dataset} has no field "${field}"; its fields are: ${told}`,
  );
}
