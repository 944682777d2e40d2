/** Most that one batch holds. */
export interface BatchLimit<T> {
  itemsMax: number;
  bytesMax: number;
  /** Size of an item, in bytes. */
  bytesOf: (item: T) => number;
}

/** Cuts a list into batches in order; an item that is larger than a batch stands in one alone. */
export function* batchesOf<T>(items: readonly T[], limit: BatchLimit<T>): Generator<T[], void, undefined> {
  let batch: T[] = [];
  let bytes = 0;
  for (const item of items) {
    const size = limit.bytesOf(item);
    if (batch.length > 0 && (batch.length >= limit.itemsMax || bytes + size > limit.bytesMax)) {
      yield batch;
      batch = [];
      bytes = 0;
    }
    batch.push(item);
    bytes += size;
  }
  if (batch.length > 0) yield batch;
}
