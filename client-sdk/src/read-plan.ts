/** What is settled before partitions are asked for by name: which version, what it holds, and who reads which of them. */
import { CacheService } from '@pannier/proto';
import { describeDataset } from './describe-dataset.ts';
import { PannierError } from './errors.ts';
import type { FreshStarts } from './fresh-starts.ts';
import { readQuery } from './record-read.ts';
import type { RecordRead } from './record-read.ts';
import type { StreamServer } from './transport/index.ts';

/** A partition that is to be read. */
export interface PlannedPartition {
  readonly name: string;
  /** Position in the version, counted from 0. */
  readonly place: number;
  /** Before any filter. */
  readonly records: number;
  readonly contentBytes: number;
  /** SHA-256 in hexadecimal; '' where the server does not tell it. */
  readonly digest: string;
}

/** Partitions of one version. */
export interface ReadPlan {
  readonly version: string;
  readonly partitions: readonly PlannedPartition[];
}

/** Leaves out every partition. */
const SKIP_ALL = 0xffff_ffff;

/** The version that a read is on: the one asked for, or the current one, waiting for the first to be published. */
export async function planRead(read: RecordRead, starts: FreshStarts): Promise<ReadPlan> {
  const { version = '' } = read.options;
  for (;;) {
    // Outside of what is tried again: what is not found here is the dataset.
    const wanted = version === '' ? await currentVersion(read) : version;
    try {
      return await versionPlan(read, wanted);
    } catch (error) {
      await starts.after(error);
    }
  }
}

/** Whether two versions hold the same records, in the same order and divided in the same way. */
export function isSameContent(one: ReadPlan, other: ReadPlan): boolean {
  const isSame = ({ name, digest }: PlannedPartition, at: number): boolean =>
    digest !== '' && other.partitions[at]?.name === name && other.partitions[at].digest === digest;
  return one.partitions.length === other.partitions.length && one.partitions.every(isSame);
}

async function currentVersion(read: RecordRead): Promise<string> {
  const { signal } = read.options;
  const versions = read.transport.stream(
    async function* ask(server) {
      yield await publishedVersion(server, read);
    },
    { signal },
  );
  for await (const published of versions) return published;
  throw new PannierError('protocol', `${read.name}: no version came`);
}

/**
 * The current version. It is asked for by a read of nothing, which waits as long as the fetch takes and checks filter and fields;
 * DescribeDataset has a deadline.
 */
export async function publishedVersion(server: StreamServer, read: RecordRead): Promise<string> {
  const request = { ...readQuery(read), skipPartitions: SKIP_ALL };
  let version = '';
  for await (const { part } of server.open(CacheService.method.readPartitions, request)) {
    if (part.case === 'start') version = part.value.version;
  }
  if (version === '') throw new PannierError('unavailable', 'the stream ended before the read began');
  return version;
}

/** What a version holds. @throws PannierError `not-found` when it is not kept any more */
export async function versionPlan(
  { name, transport, deadlineMs, options }: RecordRead,
  version: string,
): Promise<ReadPlan> {
  const { signal } = options;
  const described = await describeDataset({
    name,
    version,
    extent: 'partitions',
    transport,
    deadlineMs,
    signal,
  });
  const partitions = described.partitions.map((partition, place) => {
    const { name: one, records, contentBytes, digest } = partition;
    return { name: one, place, records, contentBytes, digest };
  });
  return { version, partitions };
}

/**
 * Deals partitions out: each, in order, to the hand that holds the fewest bytes. The same for everyone who deals the same version, and
 * neighbours, which a filter is likely to leave together, go to different hands.
 */
export function deal(partitions: readonly PlannedPartition[], hands: number): PlannedPartition[][] {
  const dealt = Array.from({ length: hands }, () => ({ bytes: 0, partitions: [] as PlannedPartition[] }));
  for (const partition of partitions) {
    const least = dealt.reduce((one, other) => (other.bytes < one.bytes ? other : one));
    least.bytes += partition.contentBytes;
    least.partitions.push(partition);
  }
  return dealt.map((hand) => hand.partitions);
}
