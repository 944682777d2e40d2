/** What is known of a field over some records; kept for every partition, so that a filter can leave partitions out unread. */

/** Types of a value, as JSON tells them; an integer is a number without a fraction. */
export type FieldType = 'null' | 'boolean' | 'integer' | 'number' | 'string' | 'array' | 'object' | 'binary';

/** One field. Numbers and strings have bounds of their own; strings are ordered by their UTF-8 bytes, like everywhere here. */
export interface FieldStatistics {
  readonly name: string;
  /** Types seen, in the order of {@link FieldType}. */
  readonly types: readonly FieldType[];
  /** Records that have the field, null included. */
  readonly present: number;
  readonly nulls: number;
  /** Of integers and numbers; a bound that a double cannot hold is widened to the next double. Absent where there is none. */
  readonly minNumber?: number;
  readonly maxNumber?: number;
  /** Of strings; a long one is cut to 64 bytes, the upper bound then raised, so that it still bounds. */
  readonly minString?: string;
  readonly maxString?: string;
}
