/** A lease that this server holds: kept by a beat until it is given up, or until it is known to be lost. */
import type { Clock } from '../clock.ts';
import { LEASE_MS } from './lease-store.ts';
import type { LeaseStore, RecordBatch } from './lease-store.ts';

/** Settings of {@link HeldLease}. */
export interface HeldLeaseOptions {
  readonly store: LeaseStore;
  readonly clock: Clock;
  readonly name: string;
  readonly token: string;
  /** Told once, when another may have taken it over. */
  readonly onLost: () => void;
  /** Told each time that it cannot be kept for want of an answer. */
  readonly onAway: (error: unknown) => void;
}

/** Three beats in the time that it lasts: two may be lost. */
const BEAT_MS = LEASE_MS / 3;

/** See the head of this file. */
export class HeldLease {
  readonly token: string;
  readonly #options: HeldLeaseOptions;
  #state: 'held' | 'lost' | 'over' = 'held';
  /** When the last answer was asked for that said so. */
  #heldAtMs: number;
  #stopBeat = (): void => undefined;

  constructor(options: HeldLeaseOptions) {
    this.#options = options;
    this.token = options.token;
    this.#heldAtMs = options.clock.now();
    this.#beatLater();
  }

  /** False once it was lost or given up. It may be lost long before that is known. */
  get isHeld(): boolean {
    return this.#state === 'held';
  }

  /** False also when it has been silent for so long that it must have ended, unless its silence is all that is wrong. */
  get isLikelyHeld(): boolean {
    return this.isHeld && this.#options.clock.now() - this.#heldAtMs <= LEASE_MS;
  }

  /**
   * Asks whether what was made under it still counts, which a process that was stopped does not know.
   *
   * @returns false when it was lost; true also while nobody can tell, and when it was given up: nobody has taken it away
   */
  async confirm(): Promise<boolean> {
    await this.isKept();
    return this.#state !== 'lost';
  }

  /** Asks whether it is still held; false also while nobody can tell. */
  async isKept(): Promise<boolean> {
    const { store, name, token, onAway } = this.#options;
    if (!this.isHeld) return false;
    try {
      await this.#keep(async () => await store.renew(name, token));
    } catch (error) {
      onAway(error);
      return false;
    }
    return this.isHeld;
  }

  /** Records something. @returns false when the lease was lost. @throws CacheServerError `store` when nobody can tell */
  async append(batch: RecordBatch): Promise<boolean> {
    const { store, name, token } = this.#options;
    if (!this.isHeld) return false;
    await this.#keep(async () => await store.append(name, token, batch));
    return this.isHeld;
  }

  /** Gives it up; never rejects. */
  async release(): Promise<void> {
    const { store, name, token, onAway } = this.#options;
    this.#stopBeat();
    if (!this.isHeld) return;
    this.#state = 'over';
    // What cannot be given up ends by itself.
    await store.release(name, token).catch(onAway);
  }

  /**
   * Gives it up before its flight is over, because nothing can be told under it; never rejects. The flight goes on as one of a server that is
   * alone, but for its token: what it brings is stored, unless whoever takes the lease next has stored something.
   */
  async giveUp(error: unknown): Promise<void> {
    if (!this.isHeld) return;
    this.#options.onAway(error);
    await this.release();
  }

  async #keep(ask: () => Promise<boolean>): Promise<void> {
    const askedAtMs = this.#options.clock.now();
    if (await ask()) this.#heldAtMs = Math.max(this.#heldAtMs, askedAtMs);
    else this.#lose();
  }

  #beatLater(): void {
    this.#stopBeat = this.#options.clock.after(BEAT_MS, () => {
      void this.isKept().then(() => {
        if (this.isHeld) this.#beatLater();
      });
    });
  }

  #lose(): void {
    if (this.#state !== 'held') return;
    this.#state = 'lost';
    this.#stopBeat();
    this.#options.onLost();
  }
}
