/** What every partitioning strategy is: a pure rule that says where a record belongs. */
import type { RecordValue } from '@pannier/proto/partition-format';

/** A scalar by which partitions are told apart; undefined where the field is absent. */
export type KeyValue = string | number | bigint | boolean | null | undefined;

/** One partition that a record belongs to. */
export interface Placement {
  /** Unique within its level; levels are joined by `/`. Made so that no value can forge another's name. */
  readonly name: string;
  /** One value for each of the strategy's `keyNames`. */
  readonly key: readonly KeyValue[];
  /** True when nothing will follow in this partition, so that it may be written at once. */
  readonly isLast?: boolean;
}

/**
 * A rule, with whatever it must remember of the records so far. Records come in the order of the document, and the rule depends
 * on them alone: the same records give the same partitions, so that an unchanged one keeps its digest.
 */
export interface Strategy {
  /** What the values of `Placement.key` are, for example field names. */
  readonly keyNames: readonly string[];
  /**
   * The partitions of a record: one, except under a predicate with all matches. A promise only where an expression needs one.
   *
   * @throws DatasetError naming the strategy when the operator's own module or expression fails
   */
  place(record: RecordValue): readonly Placement[] | Promise<readonly Placement[]>;
  /** Records that went to the partition `missing` because they lack the field. */
  readonly missing: number;
}

/** Makes a rule with a fresh memory: nested below another, each partition of that one has a rule of its own. */
export type OpenStrategy = () => Strategy;
