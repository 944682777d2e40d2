/** The steps of one ReadPartitions call: checked, decoded, and counted so that another call can go on behind them. */
import type { DatasetPartition, ReadPartitionsResponse } from '@pannier/proto';
import { decodeRecords } from '@pannier/proto/partition-format';
import type { RecordValue } from '@pannier/proto/partition-format';
import type { GivenPartitions } from './given-partitions.ts';
import { PannierError } from './errors.ts';
import type { Announcement, HeldPartitions } from './held-partitions.ts';
import { decodeAhead, decodeStored, processBudget, storedBytes } from './transport/index.ts';

/** Where a read stands; what a server that takes over needs to know. */
export interface ReadProgress {
  /** '' until the read has begun, where none was asked for. */
  version: string;
  /** Whether a server has begun to answer. */
  begun: boolean;
  /** Partitions that came; those of a version that is not published yet by their names, for their order is not that of the version. */
  partitions: number;
  provisional: boolean;
  readonly provisionalNames: Set<string>;
  /** What came, for as long as its version is there by the one name or another. */
  readonly given: GivenPartitions;
}

/** The records of a partition. */
export interface SentPartition {
  readonly name: string;
  readonly records: readonly RecordValue[];
  /** True when the server left nothing out. */
  readonly isWhole: boolean;
  /** SHA-256 of the partition as it is stored; empty where the server does not tell it. */
  readonly digest: Uint8Array;
}

/** The dataset that is read, and what was named to the server as held of it. */
export interface Holding {
  readonly name: string;
  readonly held: HeldPartitions;
  readonly announced: Announcement;
}

type ReadStep =
  | ({ readonly kind: 'records'; readonly sent: number } & SentPartition)
  | { readonly kind: 'start'; readonly version: string; readonly provisional: boolean }
  | { readonly kind: 'complete'; readonly version: string; readonly records: number };

/** Partitions decoded at once. */
const DECODE_DEPTH = 2;

/** The partitions of one call. Ends only when the server has said that everything was sent, and everything came. */
export async function* sentPartitions(
  call: AsyncGenerator<ReadPartitionsResponse, void, undefined>,
  progress: ReadProgress,
  holding: Holding,
): AsyncGenerator<SentPartition, void, undefined> {
  let records = 0;
  let whole = false;
  const decode = async (message: ReadPartitionsResponse): Promise<ReadStep> =>
    await decodeStep(message, holding);
  const steps = decodeAhead(withoutProgress(call), {
    decode,
    weigh,
    depth: DECODE_DEPTH,
    budget: processBudget,
  });
  for await (const step of steps) {
    if (step.kind === 'start') {
      requireVersion(step.version, progress);
      progress.given.requireOrder(step.provisional);
      progress.begun = true;
      progress.provisional = step.provisional;
    } else if (step.kind === 'complete') {
      requireVersion(step.version, progress);
      if (step.records !== records)
        throw new PannierError('protocol', `${records} records came of ${step.records}`);
      progress.given.requireAll();
      whole = true;
    } else {
      records += step.sent;
      if (progress.provisional) progress.provisionalNames.add(step.name);
      else progress.partitions += 1;
      if (progress.given.isNew(step)) yield step;
    }
  }
  if (!whole) throw new PannierError('unavailable', 'the stream ended before every partition was sent');
}

async function* withoutProgress(
  call: AsyncGenerator<ReadPartitionsResponse, void, undefined>,
): AsyncGenerator<ReadPartitionsResponse, void, undefined> {
  for await (const message of call) if (message.part.case !== 'progress') yield message;
}

/** A read that began on a version ends on it. */
function requireVersion(version: string, progress: ReadProgress): void {
  if (progress.version === '') progress.version = version;
  if (progress.version === version) return;
  throw new PannierError('protocol', `version ${version} came, and the read began on ${progress.version}`);
}

function weigh({ part }: ReadPartitionsResponse): number {
  if (part.case !== 'partition' || part.value.stored === undefined) return 0;
  return storedBytes(part.value.stored);
}

async function decodeStep({ part }: ReadPartitionsResponse, holding: Holding): Promise<ReadStep> {
  if (part.case === 'start') {
    return { kind: 'start', version: part.value.version, provisional: part.value.provisional };
  }
  if (part.case === 'complete') {
    return { kind: 'complete', version: part.value.version, records: Number(part.value.records) };
  }
  if (part.case !== 'partition')
    throw new PannierError('protocol', 'a step of a read that this client does not know');
  return await decodePartition(part.value, holding);
}

async function decodePartition(
  { name, digest, stored, records: count }: DatasetPartition,
  holding: Holding,
): Promise<ReadStep> {
  const partition = stored ?? holding.announced.get(digest);
  if (partition === undefined)
    throw new PannierError('protocol', `${name}: the server believes that this client holds it`);
  const records = await decodeStored(partition, decodeRecords);
  const sent = Number(count);
  if (records.length !== sent)
    throw new PannierError('protocol', `${name}: ${records.length} records of ${sent}`);
  // A server that does not tell digests yet sends whole partitions.
  const isWhole =
    stored === undefined || digest.byteLength === 0 || Buffer.compare(stored.digest, digest) === 0;
  if (isWhole && stored !== undefined) holding.held.put(holding.name, stored);
  return { kind: 'records', name, records, sent, isWhole, digest };
}
