/** Versions of datasets: list, compare, pin, roll back. */
import type { MessageInitShape } from '@bufbuild/protobuf';
import type {
  DiffVersionsRequest,
  DiffVersionsResponseSchema,
  ListVersionsRequest,
  ListVersionsResponseSchema,
} from '@pannier/proto';
import type { RecordValue } from '@pannier/proto/partition-format';
import type { Datasets } from '../datasets/dataset-service.ts';
import { CacheServerError } from '../errors.ts';
import { partitionMessage } from './dataset-messages.ts';

/** What the calls need. */
export interface VersionDeps {
  readonly datasets: Datasets;
}

const CHANGES_DEFAULT = 100;
const CHANGES_MAX = 10_000;

/** The newest first. */
export async function listVersions(
  { dataset }: ListVersionsRequest,
  { datasets }: VersionDeps,
): Promise<MessageInitShape<typeof ListVersionsResponseSchema>> {
  const { versions, current } = await datasets.versions(dataset);
  return {
    versions: versions.map(({ version, publishedAtMs, records, pinned, quarantineReason }) => ({
      version,
      publishedAtMs: BigInt(Math.round(publishedAtMs)),
      records: BigInt(records),
      current: version === current,
      pinned,
      quarantineReason,
    })),
  };
}

const NEVER = new AbortController().signal;

/** What differs between two versions. A comparison of records ends with the signal. */
export async function diffVersions(
  request: DiffVersionsRequest,
  { datasets }: VersionDeps,
  signal: AbortSignal = NEVER,
): Promise<MessageInitShape<typeof DiffVersionsResponseSchema>> {
  const { dataset, fromVersion: from, toVersion: to, keyFields, limit } = request;
  if (limit > CHANGES_MAX)
    throw new CacheServerError('bad-request', `limit: ${limit} is over ${CHANGES_MAX}`);
  const query = { dataset, from, to, keyFields, limit: limit === 0 ? CHANGES_DEFAULT : limit };
  const { added, changed, removed, unchanged, records } = await datasets.diff(query, signal);
  return {
    added: added.map(partitionMessage),
    changed: changed.map(partitionMessage),
    removed: removed.map(partitionMessage),
    unchanged,
    recordsAdded: BigInt(records?.added ?? 0),
    recordsChanged: BigInt(records?.changed ?? 0),
    recordsRemoved: BigInt(records?.removed ?? 0),
    changes: (records?.changes ?? []).map(({ before, after }) => ({
      before: json(before),
      after: json(after),
    })),
  };
}

/** TypeScript's library lags behind V8 here: JSON.rawJSON keeps every digit of an integer that a double does not hold. */
const RawJson = JSON as JSON & { rawJSON(text: string): unknown };

function json(record: RecordValue | undefined): string {
  if (record === undefined) return '';
  return JSON.stringify(record, (_name, value: unknown) =>
    typeof value === 'bigint' ? RawJson.rawJSON(String(value)) : value,
  );
}
