/**
 * Tells the other servers of a flight what it brings. It looks at the body from the side: nothing in it ever waits for a record, and what
 * cannot be told in time makes the others ask for themselves. What is told twice, because an answer was lost, does no harm.
 */
import type { Clock } from '../clock.ts';
import { asCacheServerError, isRefusal } from '../errors.ts';
import { encodeRecord, isForAll, isLast } from './flight-record.ts';
import type { FlightRecord, HeadRecord, SettledRecord } from './flight-record.ts';
import type { HeldLease } from './held-lease.ts';
import { LEASE_MS } from './lease-store.ts';

/** What is seen of an arriving body. */
export interface RecordedBody {
  /** Bytes that have arrived. */
  readonly arrivedBytes: number;
  /** Whether all has arrived. */
  readonly isWhole: boolean;
  /** Whether its partitions go into the store. */
  readonly storing: boolean;
  /** Digest of a partition that is in the store. */
  digestAt(index: number): Uint8Array | undefined;
  /** A copy of bytes from a position on; undefined when they are not in memory. */
  peek(offset: number, bytesMax: number): Buffer | undefined;
}

/** How often the body is looked at, in milliseconds. What was there at the last look and is still not stored goes out as bytes. */
const LOOK_MS = 50;
/** Bytes of a body that go out in one step. */
const STEP_BYTES_MAX = 256 * 1024;
/** The rest of a whole body that goes out at once rather than after its partition. */
const REST_BYTES_MAX = 64 * 1024;
/**
 * Bytes of a body that go out before its partitions do. They stay where they are told as long as the flight lasts: one that is stored for hours
 * must not fill it. Past them its partitions are waited for.
 */
export const STORED_BYTES_TOLD_MAX = 4 * 1024 * 1024;
/** Bytes of a body that is not stored. */
export const RELAYED_BYTES_MAX = 1024 * 1024;

/** Whoever follows asks for itself. */
const ALONE: FlightRecord = { kind: 'released', why: 'alone', isRemembered: false };

/** Of one flight. */
export class FlightRecorder {
  readonly #lease: HeldLease;
  readonly #clock: Clock;
  #partitionBytes = 1;
  /** Bytes that have been told, as such or as partitions. */
  #told = 0;
  #toldPartitions = 0;
  /** Bytes that have been told as such. */
  #toldAsBytes = 0;
  /** How much had arrived at a look, which is at least {@link LOOK_MS} ago when there is another one. */
  #mark = { bytes: 0, atMs: -Infinity };
  #isStopped = false;
  #isOver = false;
  #telling: Promise<void> = Promise.resolve();
  #wake = (): void => undefined;

  constructor(lease: HeldLease, clock: Clock) {
    this.#lease = lease;
    this.#clock = clock;
  }

  /** Tells the head, then the body as it arrives. */
  begin(head: HeadRecord, body: RecordedBody): void {
    this.#partitionBytes = head.partitionBytes;
    this.#telling = this.#tellAll(head, body);
  }

  /** The body has arrived as a whole. Resolves when all of it has been told, or cannot be. */
  async finish(): Promise<void> {
    this.#wake();
    await this.#telling;
  }

  /** The entry in the store answers. */
  async settled(outcome: SettledRecord['outcome'], responseTimeMs: number): Promise<void> {
    await this.#end({ kind: 'settled', outcome, responseTimeMs });
  }

  /** The others ask for themselves. */
  async released(why: 'uncacheable' | 'alone', isRemembered = false): Promise<void> {
    await this.#end({ kind: 'released', why, isRemembered });
  }

  /** The flight failed. Where nobody waited any more, or the fault is of this server, nothing is told: another one goes on. */
  async failed(error: unknown): Promise<void> {
    const failure = asCacheServerError(error);
    const { code, message, proxyError, retryAfterMs } = failure;
    if (isForAll(failure)) await this.#end({ kind: 'failed', code, message, proxyError, retryAfterMs });
    else await this.#stop();
  }

  async #stop(): Promise<void> {
    this.#isStopped = true;
    this.#wake();
    await this.#telling;
  }

  async #end(record: FlightRecord): Promise<void> {
    await this.#stop();
    if (this.#isOver) return;
    this.#isStopped = false;
    await this.#tell([record]);
  }

  async #tellAll(head: HeadRecord, body: RecordedBody): Promise<void> {
    let isTold = await this.#tell([head]);
    while (isTold && !this.#isOver && !this.#isStopped) {
      const due = this.#due(body);
      if (due.length === 0) await this.#nextLook();
      else isTold = await this.#tell(due);
    }
  }

  /** Tells until it is known that it was told. @returns false when it never will be */
  async #tell(records: readonly FlightRecord[]): Promise<boolean> {
    const beganMs = this.#clock.now();
    while (!this.#isStopped && this.#lease.isLikelyHeld) {
      try {
        return await this.#append(records);
      } catch (error) {
        const isInVain = isRefusal(error) || this.#clock.now() - beganMs > LEASE_MS;
        if (isInVain && (await this.#lease.isKept())) {
          await this.#endMute(records, error);
          return false;
        }
        // Whether it was told or not, telling it again is right.
        await this.#nextLook();
      }
    }
    return false;
  }

  async #append(records: readonly FlightRecord[]): Promise<boolean> {
    const bytes = records.map(encodeRecord);
    if (!(await this.#lease.append({ records: bytes, isAnswered: true }))) return false;
    for (const record of records) this.#note(record);
    return true;
  }

  /**
   * What keeps the lease takes no record, as a Redis whose memory is full: it would be renewed for ever, and those who follow would wait for
   * ever. Where there is room for one word they are told to ask for themselves; else the lease is theirs.
   */
  async #endMute(records: readonly FlightRecord[], error: unknown): Promise<void> {
    const wasOneWord = records.length === 1 && records.every(isLast);
    let reason = error;
    try {
      if (!wasOneWord && (await this.#append([ALONE]))) return;
    } catch (refusedAsWell) {
      // Or nobody knows: what follows is right in both cases.
      reason = refusedAsWell;
    }
    await this.#lease.giveUp(reason);
  }

  #note(record: FlightRecord): void {
    if (isLast(record)) this.#isOver = true;
    if (record.kind === 'bytes') {
      this.#told = Math.max(this.#told, record.offset + record.bytes.byteLength);
      this.#toldAsBytes += record.bytes.byteLength;
    }
    if (record.kind !== 'partition') return;
    this.#toldPartitions = record.index + 1;
    this.#told = Math.max(this.#told, record.index * this.#partitionBytes + record.bodyBytes);
  }

  /** What is to be told now. */
  #due(body: RecordedBody): FlightRecord[] {
    const { arrivedBytes, isWhole } = body;
    const records: FlightRecord[] = [];
    let told = this.#told;
    for (let index = this.#toldPartitions; ; index += 1) {
      const digest = body.digestAt(index);
      if (digest === undefined) break;
      const start = index * this.#partitionBytes;
      const bodyBytes = Math.min(this.#partitionBytes, arrivedBytes - start);
      records.push({ kind: 'partition', index, digest, bodyBytes });
      told = Math.max(told, start + bodyBytes);
    }
    const isRestDue = isWhole && arrivedBytes - told <= REST_BYTES_MAX;
    const step = body.storing
      ? Math.min(STEP_BYTES_MAX, Math.max(0, STORED_BYTES_TOLD_MAX - this.#toldAsBytes))
      : STEP_BYTES_MAX;
    const until = isRestDue ? arrivedBytes : Math.min(this.#waitedFor(arrivedBytes), told + step);
    while (told < until) {
      const bytes = body.peek(told, until - told);
      // Too much, or gone from memory without having been stored.
      if (bytes === undefined || (!body.storing && until > RELAYED_BYTES_MAX)) return [ALONE];
      records.push({ kind: 'bytes', offset: told, bytes });
      told += bytes.length;
    }
    if (isWhole && told === arrivedBytes) records.push({ kind: 'end', bodyBytes: arrivedBytes });
    return records;
  }

  /** Bytes that have been there for a while, and so for longer than it takes to store them. */
  #waitedFor(arrivedBytes: number): number {
    const now = this.#clock.now();
    const { bytes, atMs } = this.#mark;
    if (now - atMs < LOOK_MS) return 0;
    this.#mark = { bytes: arrivedBytes, atMs: now };
    return bytes;
  }

  /** Waits until it is time for another look, or something ends. */
  async #nextLook(): Promise<void> {
    let stop = (): void => undefined;
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
      stop = this.#clock.after(LOOK_MS, resolve);
    });
    stop();
  }
}
