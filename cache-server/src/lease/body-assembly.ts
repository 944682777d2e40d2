/**
 * The body of a flight, put together from what is told of it. When it is told anew from the first byte, by another server or another
 * fetch, whatever was passed on before is compared with what comes now, and only what lies beyond is passed on. At the first difference it
 * throws: what has been sent to a client cannot be taken back, and two versions must never be mixed.
 */
import { contentDigest, encodeBytes } from '@pannier/proto/partition-format';
import { CacheServerError } from '../errors.ts';
import type { HeadRecord, PartitionRecord } from './flight-record.ts';

/** Settings of {@link BodyAssembly}. */
export interface BodyAssemblyOptions {
  /** Bytes of each partition but the last. */
  readonly partitionBytes: number;
  /** The bytes of a stored partition, checked by its digest. @throws CacheServerError `store` */
  readonly readPartition: (digest: Uint8Array, bodyBytes: number) => Promise<Buffer>;
  /** Told of each partition that is known to be in the store, by its number, in order; more than once when it is told anew. */
  readonly onStored: (index: number, digest: Uint8Array) => void;
}

/** See the head of this file. */
export class BodyAssembly {
  readonly #options: BodyAssemblyOptions;
  /** Of whole partitions that have been passed on. */
  readonly #digests: Uint8Array[] = [];
  /** What has been passed on behind them; less than a partition. */
  #tail: Buffer[] = [];
  #tailBytes = 0;
  /** How far this telling has come. */
  #position = 0;
  /** Bytes of this telling in a partition that was passed on whole, until they are all there and can be compared. */
  #gathered: Buffer[] = [];

  constructor(options: BodyAssemblyOptions) {
    this.#options = options;
  }

  /** Bytes that have been passed on. */
  get passedBytes(): number {
    return this.#digests.length * this.#options.partitionBytes + this.#tailBytes;
  }

  /** Of all partitions that have been passed on; the last of them may be shorter. */
  digests(): Uint8Array[] {
    const last = this.#tailBytes === 0 ? [] : [digestOf(Buffer.concat(this.#tail))];
    return [...this.#digests, ...last];
  }

  /** From here on it is told anew. */
  restart(): void {
    this.#position = 0;
    this.#gathered = [];
  }

  /** Bytes of the body. @returns those to be passed on. @throws CacheServerError `upstream-truncated` when they differ, `store` behind a gap */
  bytes(offset: number, told: Uint8Array): Buffer[] {
    if (offset > this.#position) throw broken('a part of it was not told');
    let rest = Buffer.from(told.buffer, told.byteOffset, told.byteLength).subarray(this.#position - offset);
    const fresh: Buffer[] = [];
    const { partitionBytes } = this.#options;
    while (rest.length > 0) {
      const index = Math.floor(this.#position / partitionBytes);
      const start = index * partitionBytes;
      const piece = rest.subarray(0, start + partitionBytes - this.#position);
      rest = rest.subarray(piece.length);
      if (index < this.#digests.length) this.#compareLater(index, piece);
      else fresh.push(...this.#afterTail(piece, this.#position - start));
      this.#position += piece.length;
    }
    return fresh;
  }

  /** A partition that is in the store. @returns bytes to be passed on. @throws CacheServerError, also when it cannot be read */
  async partition({ index, digest, bodyBytes }: PartitionRecord): Promise<Buffer[]> {
    const { partitionBytes, onStored, readPartition } = this.#options;
    const start = index * partitionBytes;
    const end = start + bodyBytes;
    if (start > this.#position || bodyBytes > partitionBytes) throw broken('a part of it was not told');
    const passed = this.#digests[index];
    if (passed !== undefined) {
      if (!isSame(passed, digest)) throw changed();
      if (end > this.#position) this.#jump(end);
      onStored(index, digest);
      return [];
    }
    const tail = Buffer.concat(this.#tail);
    if (end <= this.#position) {
      if (end !== this.passedBytes || !isSame(digestOf(tail), digest)) throw changed();
      onStored(index, digest);
      return [];
    }
    const content = await readPartition(digest, bodyBytes);
    if (!content.subarray(0, tail.length).equals(tail)) throw changed();
    this.#jump(end);
    if (bodyBytes === partitionBytes) this.#digests.push(digest);
    this.#tail = bodyBytes === partitionBytes ? [] : [content];
    this.#tailBytes = bodyBytes === partitionBytes ? 0 : bodyBytes;
    onStored(index, digest);
    return tail.length < content.length ? [content.subarray(tail.length)] : [];
  }

  /** The body is whole. @throws CacheServerError `upstream-truncated` when it is shorter than what was passed on, `store` when not all of it was told */
  end(bodyBytes: number): void {
    if (bodyBytes !== this.#position) throw broken('its end was not told');
    if (bodyBytes !== this.passedBytes) throw changed();
  }

  #jump(position: number): void {
    this.#position = position;
    this.#gathered = [];
  }

  #compareLater(index: number, piece: Buffer): void {
    const { partitionBytes } = this.#options;
    // A copy: it is needed after the record that it came with.
    this.#gathered.push(Buffer.from(piece));
    if ((this.#position + piece.length) % partitionBytes !== 0) return;
    const whole = Buffer.concat(this.#gathered);
    this.#gathered = [];
    const passed = this.#digests[index];
    if (whole.length !== partitionBytes || passed === undefined || !isSame(digestOf(whole), passed))
      throw changed();
  }

  /** @param at position of the piece in the open partition */
  #afterTail(piece: Buffer, at: number): Buffer[] {
    const known = Math.min(piece.length, Math.max(0, this.#tailBytes - at));
    if (known > 0) {
      const tail = Buffer.concat(this.#tail);
      this.#tail = [tail];
      if (!tail.subarray(at, at + known).equals(piece.subarray(0, known))) throw changed();
    }
    if (known === piece.length) return [];
    const fresh = Buffer.from(piece.subarray(known));
    this.#tail.push(fresh);
    this.#tailBytes += fresh.length;
    if (this.#tailBytes === this.#options.partitionBytes) {
      this.#digests.push(digestOf(Buffer.concat(this.#tail)));
      this.#tail = [];
      this.#tailBytes = 0;
    }
    return [fresh];
  }
}

/** Fields that say which representation a body is of. */
const OF_THE_CONTENT = ['etag', 'last-modified', 'content-length', 'content-type', 'content-encoding'];

/** Whether a response may be the one whose head was passed on, told anew; only its bytes can prove it. */
export function mayContinue(
  passed: Pick<HeadRecord, 'status' | 'headers'>,
  next: Pick<HeadRecord, 'status' | 'headers'>,
): boolean {
  const isEqual = (name: string): boolean => values(passed, name) === values(next, name);
  return passed.status === next.status && OF_THE_CONTENT.every(isEqual);
}

function values({ headers }: Pick<HeadRecord, 'headers'>, name: string): string {
  return headers
    .filter(([other]) => other.toLowerCase() === name)
    .map(([, value]) => value)
    .join('\n');
}

function digestOf(bytes: Buffer): Buffer {
  return contentDigest(encodeBytes(bytes), 'original');
}

function isSame(one: Uint8Array, other: Uint8Array): boolean {
  return Buffer.compare(one, other) === 0;
}

/** What a reader sees that was given a part of another version. */
export function changed(): CacheServerError {
  return new CacheServerError('upstream-truncated', 'the response is another one than that which broke off');
}

/** What this telling leaves out, another one may have. */
function broken(what: string): CacheServerError {
  return new CacheServerError('store', `the response broke off: ${what}`);
}
