/** What the statistics of a partition tell of a filter, without reading it. A filter is prepared once and asked of every partition. */
import { compareUtf8 } from '@pannier/proto/partition-format';
import type { FieldStatistics } from './field-statistics.ts';
import type { FieldCondition, FilterValue, RecordFilter } from './record-filter.ts';
import { ValueList } from './value-list.ts';

/** Of a partition's records: none, all, or nobody knows which pass. */
export type Foresight = 'none' | 'some' | 'all';

/** What is known of a partition. */
export interface KnownPartition {
  readonly records: number;
  readonly statistics: readonly FieldStatistics[];
}

/** How much thought may be given; whoever has none left says `some`. */
export interface Thought {
  steps: number;
}

/** Sound, and `some` whenever it is not sure. */
export type Seer = (partition: KnownPartition, thought: Thought) => Foresight;

/** Thought for one partition: a filter has no more conditions than this. */
const STEPS_OF_ONE = 1_000_000;

/** What can be said of some records by their statistics alone. */
export function foresee(filter: RecordFilter, partition: KnownPartition): Foresight {
  return seerOf(filter)(partition, { steps: STEPS_OF_ONE });
}

/** Prepares a filter. A seer remembers where the fields were in the partition before. */
export function seerOf(filter: RecordFilter): Seer {
  if ('filters' in filter) return listSeer(filter.kind, filter.filters.map(seerOf));
  if (filter.kind === 'not') {
    const inner = seerOf(filter.filter);
    return (partition, thought) => {
      const foreseen = inner(partition, thought);
      return foreseen === 'some' ? 'some' : foreseen === 'all' ? 'none' : 'all';
    };
  }
  const judge = judgeOf(filter);
  let place = 0;
  return ({ records, statistics }, thought) => {
    thought.steps -= 1;
    if (thought.steps < 0) return 'some';
    if (statistics[place]?.name !== filter.field) {
      thought.steps -= statistics.length >> 3;
      place = statistics.findIndex(({ name }) => name === filter.field);
    }
    const field = statistics[place];
    return field === undefined ? 'none' : judge(field, records);
  };
}

function listSeer(kind: 'all' | 'any', seers: readonly Seer[]): Seer {
  const [absorbing, neutral] = kind === 'all' ? (['none', 'all'] as const) : (['all', 'none'] as const);
  return (partition, thought) => {
    let foreseen: Foresight = neutral;
    for (const seer of seers) {
      const one = seer(partition, thought);
      if (one === absorbing) return absorbing;
      if (one !== neutral) foreseen = 'some';
    }
    return foreseen;
  };
}

type Judge = (field: FieldStatistics, records: number) => Foresight;

function judgeOf(filter: FieldCondition): Judge {
  if (filter.kind === 'prefix') return (field) => (mayHavePrefix(filter.prefix, field) ? 'some' : 'none');
  if (filter.kind === 'equal' || filter.kind === 'in') {
    const list = new ValueList(filter.kind === 'in' ? filter.values : [filter.value]);
    return (field, records) => {
      if (!list.mayHold(field)) return 'none';
      return field.present === records && list.holdsAll(field) ? 'all' : 'some';
    };
  }
  const { value: bound } = filter;
  const isBelow = filter.kind === 'less' || filter.kind === 'less-or-equal';
  return (field) => (mayBeBeyond(bound, isBelow, field) ? 'some' : 'none');
}

function mayBeBeyond(bound: FilterValue, isBelow: boolean, field: FieldStatistics): boolean {
  const { minNumber, maxNumber, minString, maxString, types } = field;
  if (typeof bound === 'number' || typeof bound === 'bigint') {
    if (minNumber === undefined || maxNumber === undefined) return false;
    return isBelow ? minNumber <= bound : maxNumber >= bound;
  }
  if (typeof bound !== 'string' || !types.includes('string')) return false;
  if (isBelow) return minString === undefined || compareUtf8(minString, bound) <= 0;
  return maxString === undefined || compareUtf8(maxString, bound) >= 0;
}

function mayHavePrefix(prefix: string, { types, minString, maxString }: FieldStatistics): boolean {
  if (!types.includes('string')) return false;
  if (maxString !== undefined && compareUtf8(maxString, prefix) < 0) return false;
  return minString === undefined || compareUtf8(minString, prefix) <= 0 || minString.startsWith(prefix);
}
