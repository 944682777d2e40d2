/** How far an ingest has come, for whoever only wants to be told. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { DatasetIngest } from '../datasets/dataset-ingest.ts';
import type { CutProgress } from '../datasets/dataset-service.ts';

const LOOK_EVERY_MS = 100;

/** Tells until the ingest ends. Rejects with the signal's reason; what the ingest fails with is told by the refresh. */
export async function followCut(
  ingest: DatasetIngest,
  signal: AbortSignal,
  onCut: (progress: CutProgress) => void,
): Promise<void> {
  let records = 0;
  let partitions = 0;
  const tell = (): void => onCut({ ...ingest.source, records, partitions });
  const looking = new AbortController();
  const ended = AbortSignal.any([signal, looking.signal]);
  // Much is read before the first partition is there.
  const look = async (): Promise<void> => {
    for (; !ended.aborted; await sleep(LOOK_EVERY_MS, undefined, { signal: ended })) tell();
  };
  const looked = look().catch(() => undefined);
  try {
    for await (const partition of ingest.partitions(signal)) {
      records += partition.records;
      partitions += 1;
    }
    tell();
  } finally {
    looking.abort();
    await looked;
  }
}
