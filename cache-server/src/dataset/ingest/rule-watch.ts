/**
 * Rules of the operator's own may never return. Their thread marks in memory that both sides see when a call begins and when it ends, so that
 * the server knows a rule that hangs from a thread that sorts, compresses or waits for the store; a stuck thread could not tell.
 */
import type { IngestPlan } from './ingest-plan.ts';

/** Odd while a rule runs; counts on with every beginning and every end. */
const CALLS = 0;
/** Number of the record that the latest call was about, or of the first of its batch. */
const RECORD = 1;

/** The thread's side. */
export class RuleMark {
  readonly #cells: Int32Array;

  constructor(memory: SharedArrayBuffer) {
    this.#cells = new Int32Array(memory);
  }

  /** @param record counted from 1 */
  enter(record: number): void {
    Atomics.store(this.#cells, RECORD, record);
    Atomics.add(this.#cells, CALLS, 1);
  }

  leave(): void {
    Atomics.add(this.#cells, CALLS, 1);
  }
}

/** The server's side. */
export class RuleWatch {
  readonly memory = new SharedArrayBuffer(8);
  readonly #cells = new Int32Array(this.memory);
  readonly #countedMsMax: number;
  #seenCall = 0;
  #seenAtMs = 0;
  #stuckMs = 0;

  /** @param everyMs how often it is looked at, in milliseconds */
  constructor(everyMs: number) {
    this.#countedMsMax = 2 * everyMs;
  }

  /**
   * For how long one call has been seen under way; 0 where none is. Who looks after a long pause was stopped itself, and the thread with it:
   * of that no more counts than of two looks.
   */
  stuckMs(nowMs: number): number {
    const call = Atomics.load(this.#cells, CALLS);
    const isStuck = call % 2 !== 0 && call === this.#seenCall;
    this.#stuckMs = isStuck ? this.#stuckMs + Math.min(nowMs - this.#seenAtMs, this.#countedMsMax) : 0;
    this.#seenCall = call;
    this.#seenAtMs = nowMs;
    return this.#stuckMs;
  }

  /** What the latest call was about; '' before the first. */
  get place(): string {
    const record = Atomics.load(this.#cells, RECORD);
    return record === 0 ? '' : `, about record ${record}`;
  }
}

/** Names of the operator's own rules in a plan; '' for none. */
export function rulesOf({ settings: { transform, partitionBy } }: Pick<IngestPlan, 'settings'>): string {
  const names: string[] = [];
  if (transform?.module !== undefined) names.push(`module ${transform.module}`);
  if (transform?.expression !== undefined) names.push('the transform');
  for (const level of [partitionBy].flat()) {
    if ('custom' in level) names.push(`module ${level.custom.module}`);
    if ('predicate' in level) names.push('a predicate');
  }
  return names.join(' or ');
}
