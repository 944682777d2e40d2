/** Datasets over a transport that is there already: what the proxy's own door to them needs. */
import type { CallOptions } from './client-options.ts';
import { openDataset } from './dataset.ts';
import type { Dataset } from './dataset.ts';
import { readDescription } from './describe-dataset.ts';
import type { DescriptionQuery, DescriptionRead } from './describe-dataset.ts';
import { HeldPartitions } from './held-partitions.ts';
import { openServerAdmin } from './server-admin.ts';
import type { DatasetSummary } from './server-admin.ts';
import type { Transport } from './transport/index.ts';

export type { Dataset } from './dataset.ts';
export type { DescriptionRead } from './describe-dataset.ts';
export { FreshStarts } from './fresh-starts.ts';
export { allOf } from './record-filter.ts';
export type { FilterScalar, RecordFilter } from './record-filter.ts';

/** The datasets that the servers behind a transport declare. */
export interface Datasets {
  open<T>(name: string): Dataset<T>;
  /** As much as is asked for of the current version. */
  describe(name: string, options: DescribeOptions): Promise<DescriptionRead>;
  list(options?: CallOptions): Promise<readonly DatasetSummary[]>;
}

/** What is asked for. */
export type DescribeOptions = CallOptions & Pick<DescriptionQuery, 'extent' | 'partitions'>;

/** @param heldBytesMax what partitions may take that are held for later reads; 0 for none */
export function openDatasets(
  transport: Transport,
  { deadlineMs, heldBytesMax }: { deadlineMs: number; heldBytesMax: number },
): Datasets {
  const held = new HeldPartitions(heldBytesMax);
  const admin = openServerAdmin(transport, deadlineMs);
  return {
    open: (name) => openDataset(name, { transport, deadlineMs, held }),
    describe: async (name, { deadlineMs: callMs = deadlineMs, ...options }) =>
      await readDescription({ name, version: '', transport, deadlineMs: callMs, ...options }),
    list: async (options) => await admin.datasets(options),
  };
}
