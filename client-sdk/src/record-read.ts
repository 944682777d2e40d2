/** A read of records, as it is asked for. */
import type { MessageInitShape } from '@bufbuild/protobuf';
import type { ReadPartitionsRequestSchema } from '@pannier/proto';
import { filterMessage } from './filter-message.ts';
import type { HeldPartitions } from './held-partitions.ts';
import { plainFilter } from './record-filter.ts';
import type { RecordFilter } from './record-filter.ts';
import type { Transport } from './transport/index.ts';

/** What a read may ask for beside its filter. */
export interface ReadOptions {
  /** Ends the read; it throws the signal's reason. */
  readonly signal?: AbortSignal | undefined;
  /** Version to read; default: the current one. */
  readonly version?: string;
  /** Fields of the records; default: all. What is left out is not sent. */
  readonly fields?: readonly string[];
  /** How long a read that broke is tried again without a partition coming, in milliseconds; default 10,000. */
  readonly resumeWithinMs?: number;
}

/** A read. */
export interface RecordRead {
  readonly name: string;
  readonly filter: RecordFilter;
  /** Names of the partitions; empty for those that the filter leaves. */
  readonly partitions: readonly string[];
  readonly options: ReadOptions;
  readonly transport: Transport;
  /** Of its unary calls, in milliseconds. */
  readonly deadlineMs: number;
  readonly held: HeldPartitions;
}

type ReadRequest = Exclude<MessageInitShape<typeof ReadPartitionsRequestSchema>, { $typeName: string }>;

/** What every call of a read has in common. @throws PannierError `bad-request` */
export function readQuery({ name, filter, options }: RecordRead): ReadRequest {
  const plain = plainFilter(filter);
  return {
    dataset: name,
    fields: [...(options.fields ?? [])],
    ...(plain === undefined ? {} : { filter: filterMessage(plain) }),
  };
}
