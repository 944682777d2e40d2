/** Reads that have begun: nobody is told of one before its first partition is there, and what is left of one may come from elsewhere. */
import { contentVersion } from './content-version.ts';
import type { DatasetRead, ReadPartition } from './dataset-service.ts';
import type { DatasetManifest } from '../dataset/version/dataset-manifest.ts';

type Parts = AsyncGenerator<ReadPartition, void, undefined>;

/** The read, once its first partition is seen to be there. One of a version that is being cut begins at once: that may take long. */
export async function begun(read: DatasetRead): Promise<DatasetRead> {
  if (read.provisional) return read;
  const rest = read.parts()[Symbol.asyncIterator]();
  const first = await rest.next();
  async function* parts(): Parts {
    if (first.done === true) return;
    yield first.value;
    yield* { [Symbol.asyncIterator]: () => rest };
  }
  return { ...read, parts };
}

/** How far a read has come. */
export interface ReadProgress {
  readonly read: Pick<DatasetRead, 'manifest'>;
  /** Partitions that were left out at its start. */
  readonly skipped: number;
  readonly sent: readonly Pick<ReadPartition, 'name' | 'digest'>[];
}

/**
 * What is left of a read, out of another version.
 *
 * @param open reads the other version
 * @returns undefined when that does not hold what the read began with
 */
export async function restOf(
  { read, skipped, sent }: ReadProgress,
  manifest: DatasetManifest,
  open: (skipPartitions: number) => Promise<DatasetRead>,
): Promise<AsyncIterable<ReadPartition> | undefined> {
  if (read.manifest === undefined) {
    const digests = new Map(manifest.partitions.map(({ name, digest }) => [name, hex(digest)]));
    if (sent.some(({ name, digest }) => digests.get(name) !== hex(digest))) return undefined;
    return unsent(await open(skipped), sent);
  }
  if (contentVersion(read.manifest) !== contentVersion(manifest)) return undefined;
  return (await open(skipped + sent.length)).parts();
}

/** Partitions of a version that was being cut came in the order in which they were stored, which is not that of the version. */
async function* unsent(read: DatasetRead, sent: ReadProgress['sent']): Parts {
  const names = new Set(sent.map(({ name }) => name));
  let index = names.size;
  for await (const part of read.parts()) {
    if (names.has(part.name)) continue;
    yield { ...part, index };
    index += 1;
  }
}

function hex(digest: Uint8Array): string {
  return Buffer.from(digest).toString('hex');
}
