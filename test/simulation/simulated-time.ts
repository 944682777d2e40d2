/**
 * Time that passes only from event to event. Everything under test runs between two events: promises that are settled run on to
 * where they wait for another event, so that a run depends on its seed alone.
 */
import type { Clock } from '../../cache-server/src/clock.ts';

/** Milliseconds since 1970 at which every schedule begins. */
const BEGIN_MS = Date.UTC(2026, 0, 1);

interface SimulatedEvent {
  readonly atMs: number;
  readonly serial: number;
  readonly run: () => void;
  readonly isVoid: (() => boolean) | undefined;
}

/** Time as a schedule needs it, simulated or real. */
export interface Timeline {
  /** Milliseconds since 1970: the time that nobody sees but who judges, since no replica's clock runs by it exactly. */
  readonly nowMs: number;
  /** Milliseconds since the schedule began. */
  readonly elapsedMs: number;
  /** Events so far. */
  readonly steps: number;
  /** Lets something happen later, unless it has become void by then. */
  at(delayMs: number, run: () => void, isVoid?: () => boolean): void;
  /**
   * Lets events happen until `isDone` or the time is over.
   *
   * @returns false when the time was over, or nothing was left to happen, before it was done
   */
  run(isDone: () => boolean, untilElapsedMs: number): Promise<boolean>;
}

/** The queue of all that will happen. */
export class SimulatedTime implements Timeline {
  #now = BEGIN_MS;
  #serial = 0;
  #steps = 0;
  /** A binary heap, the earliest event first; of those at the same time, the one that was put in first. */
  readonly #heap: SimulatedEvent[] = [];

  get nowMs(): number {
    return this.#now;
  }

  get elapsedMs(): number {
    return this.#now - BEGIN_MS;
  }

  get steps(): number {
    return this.#steps;
  }

  at(delayMs: number, run: () => void, isVoid?: () => boolean): void {
    this.#push({ atMs: this.#now + Math.max(0, delayMs), serial: (this.#serial += 1), run, isVoid });
  }

  async run(isDone: () => boolean, untilElapsedMs: number): Promise<boolean> {
    for (;;) {
      // Whatever was settled by the event runs on to where it waits next: all microtasks end before the next turn of the event loop.
      await new Promise<void>((resolve) => setImmediate(resolve));
      if (isDone()) return true;
      let event = this.#pop();
      // What nobody waits for any more costs no turn.
      while (event?.isVoid?.() === true) event = this.#pop();
      if (event === undefined || event.atMs - BEGIN_MS > untilElapsedMs) return false;
      this.#now = event.atMs;
      this.#steps += 1;
      event.run();
    }
  }

  #push(event: SimulatedEvent): void {
    const heap = this.#heap;
    let at = heap.push(event) - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!isBefore(event, heap[parent])) break;
      heap[at] = heap[parent] ?? event;
      at = parent;
    }
    heap[at] = event;
  }

  #pop(): SimulatedEvent | undefined {
    const heap = this.#heap;
    const [first] = heap;
    const last = heap.pop();
    if (first === undefined || last === undefined || heap.length === 0) return first;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child + 1 < heap.length && isBefore(heap[child + 1], heap[child])) child += 1;
      const below = heap[child];
      if (below === undefined || !isBefore(below, last)) break;
      heap[at] = below;
      at = child;
    }
    heap[at] = last;
    return first;
  }
}

function isBefore(one: SimulatedEvent | undefined, other: SimulatedEvent | undefined): boolean {
  if (one === undefined || other === undefined) return one !== undefined;
  return one.atMs === other.atMs ? one.serial < other.serial : one.atMs < other.atMs;
}

/**
 * A process of the simulation: its clock, which is off by a constant, and whether it runs. While it is stopped (SIGSTOP) nothing
 * happens in it, and everything that should have happens when it goes on; once it is dead (kill -9), nothing ever does.
 */
export class SimulatedProcess {
  readonly clock: Clock;
  readonly #time: Timeline;
  #state: 'running' | 'stopped' | 'dead' = 'running';
  #held: (() => void)[] = [];

  constructor(time: Timeline, skewMs: number) {
    this.#time = time;
    this.clock = {
      // Whole milliseconds, as Date.now gives them.
      now: () => Math.floor(time.nowMs + skewMs),
      after: (delayMs, run) => {
        let isCancelled = false;
        const isVoid = (): boolean => isCancelled;
        this.later(delayMs, () => !isCancelled && run(), isVoid);
        return () => (isCancelled = true);
      },
    };
  }

  get isDead(): boolean {
    return this.#state === 'dead';
  }

  get isStopped(): boolean {
    return this.#state === 'stopped';
  }

  /** Runs something in this process, as soon as it runs itself. */
  later(delayMs: number, run: () => void, isVoid?: () => boolean): void {
    this.#time.at(
      delayMs,
      () => this.#enter(run),
      () => this.isDead || isVoid?.() === true,
    );
  }

  stop(): void {
    if (this.#state === 'running') this.#state = 'stopped';
  }

  goOn(): void {
    if (this.#state !== 'stopped') return;
    this.#state = 'running';
    const held = this.#held;
    this.#held = [];
    // One event each, so that what one of them settles has run on before the next.
    for (const run of held) this.later(0, run);
  }

  kill(): void {
    this.#state = 'dead';
    this.#held = [];
  }

  #enter(run: () => void): void {
    if (this.#state === 'running') run();
    else if (this.#state === 'stopped') this.#held.push(run);
  }
}
