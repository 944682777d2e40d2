/** DescribeDataset and ReadPartitions: between messages and the story in `get-dataset.ts`. */
import type { MessageInitShape } from '@bufbuild/protobuf';
import type {
  DatasetPartitionSchema,
  DescribeDatasetRequest,
  DescribeDatasetResponseSchema,
  ReadPartitionsRequest,
  ReadPartitionsResponseSchema,
} from '@pannier/proto';
import type { DatasetRead, Datasets, ReadPartition } from '../datasets/dataset-service.ts';
import type { CallContext } from './call-handlers.ts';
import { descriptionMessage, recordFilter } from './dataset-messages.ts';
import { withHeartbeats } from './heartbeat.ts';

/** What the calls need. */
export interface DatasetDeps {
  readonly datasets: Datasets;
  readonly limits: { readonly heartbeatMs: number };
}

type ReadStep = Exclude<MessageInitShape<typeof ReadPartitionsResponseSchema>, { $typeName: string }>;

/** What a dataset holds. */
export async function describeDataset(
  request: DescribeDatasetRequest,
  { signal }: CallContext,
  { datasets }: DatasetDeps,
): Promise<MessageInitShape<typeof DescribeDatasetResponseSchema>> {
  const manifest = await datasets.describe(request.dataset, request.version, signal);
  return { description: descriptionMessage(manifest, request) };
}

/** The read itself, which may take as long as its upstream, and then its parts. */
async function* stepsOf(opening: Promise<DatasetRead>, datasets: Datasets): AsyncGenerator<ReadStep> {
  const read = await opening;
  const { version, partitions, records, provisional } = read;
  yield { part: { case: 'start', value: { version, partitions, records: BigInt(records), provisional } } };
  let sent = 0;
  for await (const part of read.parts()) {
    sent += part.records;
    datasets.onSent(part.sent?.frame.byteLength ?? 0);
    yield { part: { case: 'partition', value: partMessage(part, read.scope) } };
  }
  yield { part: { case: 'complete', value: { version, records: BigInt(sent) } } };
}

function partMessage(
  { name, index, digest, records, sent }: ReadPartition,
  scope: string,
): MessageInitShape<typeof DatasetPartitionSchema> {
  const told = { name, index, digest, records: BigInt(records) };
  return sent === undefined ? told : { ...told, stored: { scope, ...sent, skipBytes: 0n } };
}

/** Records of a dataset, partition by partition. Ends without `complete` only by throwing. */
export async function* readPartitions(
  request: ReadPartitionsRequest,
  { signal }: CallContext,
  { datasets, limits }: DatasetDeps,
): AsyncGenerator<ReadStep, void, undefined> {
  const { dataset, partitions, version, skipPartitions, fields } = request;
  const filter = request.filter && recordFilter(request.filter);
  const held = new Set(request.held.map((digest) => Buffer.from(digest).toString('hex')));
  const query = { dataset, partitions, version, skipPartitions, filter, fields, held };
  for await (const beat of withHeartbeats(
    stepsOf(datasets.read(query, signal), datasets),
    limits.heartbeatMs,
  )) {
    if (beat.kind === 'waiting') yield { part: { case: 'progress', value: { waitedMs: beat.waitedMs } } };
    else yield beat.item;
  }
}
