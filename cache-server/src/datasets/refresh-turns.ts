/**
 * Which of several servers cuts a dataset: one at a time. Who finds that another one does waits until that one is done, or gone, and looks at
 * the shelf again. Where nobody can agree, because control is away or whoever has the turn takes too long, each server cuts for itself.
 */
import type { Clock } from '../clock.ts';
import type { VersionShelf } from '../dataset/version/version-shelf.ts';
import type { DeclaredDataset } from './declared-dataset.ts';
import { HeldLease } from '../lease/held-lease.ts';
import type { LeaseStore } from '../lease/lease-store.ts';
import { RecordReader } from '../lease/record-reader.ts';

/** Settings of {@link RefreshTurns}. */
export interface RefreshTurnsOptions {
  /** Undefined for a server that is alone. */
  readonly leases: LeaseStore | undefined;
  readonly clock: Clock;
  /** How long a refresh waits for other servers in all, in milliseconds. */
  readonly waitMsMax: number;
  /** Told each time that nobody can say whose turn it is. */
  readonly onAway: () => void;
}

/** The right to cut and publish. */
export interface RefreshTurn {
  /** @returns false when another server may have it now; true also while nobody can tell */
  confirm(): Promise<boolean>;
  /** Gives it up, and wakes who waits for it; never rejects. */
  release(): Promise<void>;
}

/** Who asks. */
export interface TurnRequest {
  /** When the refresh began. */
  readonly askedAtMs: number;
  /** Ends the waiting. */
  readonly signal: AbortSignal;
  /** Called when it has to wait; the signal is aborted when that is over. */
  readonly onWait: (over: AbortSignal) => void;
}

/** Another server had its turn, or has taken it from this one: what it made of it stands on the shelf. */
export class TurnPassed extends Error {
  override readonly name = 'TurnPassed';
}

const ALONE: RefreshTurn = { confirm: async () => true, release: async () => undefined };

/** See the head of this file. */
export class RefreshTurns {
  readonly #options: RefreshTurnsOptions;

  constructor(options: RefreshTurnsOptions) {
    this.#options = options;
  }

  /** @returns undefined when another server had it, who has given it up or is gone. Rejects with the signal's reason */
  async take(declared: DeclaredDataset, request: TurnRequest): Promise<RefreshTurn | undefined> {
    const { leases, clock, waitMsMax, onAway } = this.#options;
    if (leases === undefined) return ALONE;
    // Servers that declare it otherwise make versions of their own.
    const name = `${declared.key.text}\n${declared.declaration}`;
    const take = await leases.take(name).catch(onAway);
    if (take === undefined) return ALONE;
    const { token } = take;
    if (take.kind === 'taken')
      return new HeldLease({ store: leases, clock, name, token, onLost: () => undefined, onAway });
    const leftMs = request.askedAtMs + waitMsMax - clock.now();
    const over = new AbortController();
    const stopWaiting = clock.after(Math.max(0, leftMs), () => over.abort());
    const signal = AbortSignal.any([request.signal, over.signal]);
    const reader = new RecordReader({ store: leases, clock, name, token, signal, onAway });
    try {
      request.onWait(signal);
      await reader.untilReleased();
      return undefined;
    } catch (error) {
      if (!over.signal.aborted) throw error;
      return ALONE;
    } finally {
      stopWaiting();
      reader.close();
      over.abort();
    }
  }
}

/** Whether something else was cut between two looks at a shelf, published or put aside. */
export function isCutSince(
  before: VersionShelf,
  now: VersionShelf,
  { declaration }: DeclaredDataset,
): boolean {
  return now.lastCut !== before.lastCut && now.lastCut.startsWith(`${declaration}/`);
}
