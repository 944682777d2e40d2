/** When the owners of what is stored were last heard of, and whose turn it is to clean up; the same for all servers. */

/** Owners are named by texts. Every call may reject with `CacheServerError` `store`. */
export interface UseLedger {
  /** Rejects while nobody can tell who is in use. */
  reach(): Promise<void>;
  /** Writes down that owners are in use; what is known already and later stays. */
  note(owners: readonly string[], atMs: number): Promise<void>;
  /**
   * When each was last heard of. One of which nothing is known counts as heard of now, and that is written down: a ledger that was lost
   * says nothing against anybody.
   */
  lastUses(owners: readonly string[], nowMs: number): Promise<number[]>;
  forget(owners: readonly string[]): Promise<void>;
  /** Takes the turn, or keeps it, for so long; false while another holds it. */
  takeTurn(holder: string, forMs: number): Promise<boolean>;
  endTurn(holder: string): Promise<void>;
}

/** The ledger of a server that is alone. */
export class MemoryUseLedger implements UseLedger {
  readonly #uses = new Map<string, number>();

  async reach(): Promise<void> {
    // It is here.
  }

  async note(owners: readonly string[], atMs: number): Promise<void> {
    for (const owner of owners) this.#uses.set(owner, Math.max(atMs, this.#uses.get(owner) ?? 0));
  }

  async lastUses(owners: readonly string[], nowMs: number): Promise<number[]> {
    return owners.map((owner) => {
      const atMs = this.#uses.get(owner) ?? nowMs;
      this.#uses.set(owner, atMs);
      return atMs;
    });
  }

  async forget(owners: readonly string[]): Promise<void> {
    for (const owner of owners) this.#uses.delete(owner);
  }

  async takeTurn(): Promise<boolean> {
    return true;
  }

  async endTurn(): Promise<void> {
    // Nobody else waits for it.
  }
}
