/**
 * `chunk`: records in the order of the document, so many or so many bytes to a partition. A stable chunk ends where the content of a record says
 * so, and is named by its first record: an insertion changes one chunk, not all that follow.
 */
import { createHash } from 'node:crypto';
import { encodeRecords } from '@pannier/proto/partition-format';
import type { RecordValue } from '@pannier/proto/partition-format';
import { recordWeight } from './record-weight.ts';
import type { OpenStrategy, Placement, Strategy } from './strategy.ts';

/** How large a chunk is: one of the two. */
export type ChunkSize = { readonly records: number } | { readonly bytes: number };

/** Digits of a chunk's number, so that names sort like numbers. */
const NUMBER_DIGITS = 6;

class ChunkStrategy implements Strategy {
  readonly keyNames = ['chunk'];
  readonly missing = 0;
  readonly #size: ChunkSize;
  #number = 0;
  #filled = 0;

  constructor(size: ChunkSize) {
    this.#size = size;
  }

  place(record: RecordValue): readonly Placement[] {
    const isByRecords = 'records' in this.#size;
    const full = isByRecords ? this.#size.records : this.#size.bytes;
    this.#filled += isByRecords ? 1 : recordWeight(record);
    const isLast = this.#filled >= full;
    const name = `chunk-${String(this.#number).padStart(NUMBER_DIGITS, '0')}`;
    const placed: Placement = { name, key: [this.#number], isLast };
    if (isLast) {
      this.#number += 1;
      this.#filled = 0;
    }
    return [placed];
  }
}

/** A stable chunk has at least a quarter and at most four times its size. */
const STABLE_SHARE_MIN = 0.25;
const STABLE_SHARE_MAX = 4;

class StableChunkStrategy implements Strategy {
  readonly keyNames = ['chunk'];
  readonly missing = 0;
  readonly #size: ChunkSize;
  readonly #seen = new Map<string, number>();
  #name = '';
  #filled = 0;
  #records = 0;
  #weight = 0;

  constructor(size: ChunkSize) {
    this.#size = size;
  }

  place(record: RecordValue): readonly Placement[] {
    const digest = createHash('sha256')
      .update(encodeRecords([record]))
      .digest();
    const weight = recordWeight(record);
    if (this.#filled === 0) this.#name = this.#unused(`chunk-${digest.toString('hex', 0, 8)}`);
    const isByRecords = 'records' in this.#size;
    const full = isByRecords ? this.#size.records : this.#size.bytes;
    this.#filled += isByRecords ? 1 : weight;
    this.#records += 1;
    this.#weight += weight;
    // One record in so many ends a chunk: those whose digest is small enough. By bytes, as many as weigh so much on average.
    const every = isByRecords ? full : Math.max(1, full / (this.#weight / this.#records));
    const isMarked = digest.readUInt32BE(8) < 2 ** 32 / Math.max(1, every * (1 - STABLE_SHARE_MIN));
    const isLast =
      this.#filled >= full * STABLE_SHARE_MAX || (isMarked && this.#filled >= full * STABLE_SHARE_MIN);
    const placed: Placement = { name: this.#name, key: [this.#name], isLast };
    if (isLast) this.#filled = 0;
    return [placed];
  }

  /** Equal records may begin several chunks. */
  #unused(name: string): string {
    const times = (this.#seen.get(name) ?? 0) + 1;
    this.#seen.set(name, times);
    return times === 1 ? name : `${name}-${times}`;
  }
}

/** @param stable whether chunks end where the content says so */
export function chunkStrategy(size: ChunkSize, stable: boolean): OpenStrategy {
  return () => (stable ? new StableChunkStrategy(size) : new ChunkStrategy(size));
}
