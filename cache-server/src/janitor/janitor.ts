/** Goes through the store now and then, in small steps, and removes what its owners left behind. One server at a time. */
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Clock } from '../clock.ts';
import { CacheServerError } from '../errors.ts';
import { ledgerName } from './estate.ts';
import type { Estate, Finding } from './estate.ts';
import type { UseLedger } from './use-ledger.ts';

/** What the janitor needs. */
export interface JanitorOptions {
  readonly estates: readonly Estate[];
  readonly listKeys: (page: {
    contains: string;
    cursor: string;
    limit: number;
  }) => Promise<{ keys: string[]; cursor: string }>;
  readonly ledger: UseLedger;
  readonly clock: Clock;
  /** How long an owner may not be heard of, in milliseconds. */
  readonly scopeTtlMs: number;
  readonly count: (what: 'keys' | 'bytes', kind: Estate['kind'], amount: number) => void;
}

/** How far a run has come; the last step has what was found. */
export interface JanitorStep {
  readonly keysWalked: number;
  readonly findings: readonly Finding[] | undefined;
}

/** Keys of one step, and the pause after it in milliseconds. */
const PAGE_KEYS = 200;
const PAUSE_MS = 20;
/** How long a server that dies over it keeps the others from it, in milliseconds. */
const TURN_MS = 60_000;
/** Owners of which a run tells; what it finds of further ones it leaves for the next. */
const FINDINGS_MAX = 10_000;

/** See the head of this file. */
export class Janitor {
  readonly #options: JanitorOptions;

  constructor(options: JanitorOptions) {
    this.#options = options;
  }

  /**
   * Goes through the store once.
   *
   * @param run.isDry finds, and removes nothing
   * @throws CacheServerError `limit-exceeded` while another server does it, `store` while the store or the ledger cannot be asked
   */
  async *run({
    isDry,
    signal,
  }: {
    isDry: boolean;
    signal: AbortSignal;
  }): AsyncGenerator<JanitorStep, void, undefined> {
    const { ledger, estates } = this.#options;
    const holder = randomUUID();
    // A dry run takes no turn, and over a store without owners asks for none: it must not say then that nothing was left behind.
    if (isDry) await ledger.reach();
    const keepTurn = async (): Promise<void> => {
      if (isDry || (await ledger.takeTurn(holder, TURN_MS))) return;
      throw new CacheServerError('limit-exceeded', 'another server goes through the store already');
    };
    const found = new Map<string, Finding>();
    let keysWalked = 0;
    try {
      for (const estate of estates) {
        let cursor = '';
        do {
          signal.throwIfAborted();
          await keepTurn();
          const page = await this.#options.listKeys({ contains: estate.contains, cursor, limit: PAGE_KEYS });
          await this.#step(page.keys, { estate, isDry, found, signal });
          keysWalked += page.keys.length;
          cursor = page.cursor;
          yield { keysWalked, findings: undefined };
          // Others want to be served by the store, too.
          await sleep(PAUSE_MS, undefined, { signal });
        } while (cursor !== '');
      }
      const findings = [...found.values()].toSorted((one, other) => (one.name < other.name ? -1 : 1));
      if (!isDry) await ledger.forget(findings.map(({ kind, name }) => ledgerName(kind, name)));
      yield { keysWalked, findings };
    } finally {
      // A turn that cannot be given back ends by itself.
      if (!isDry) await ledger.endTurn(holder).catch(() => undefined);
    }
  }

  /** What is in use now is asked for each step, and again for each key that is to go: an owner that is back keeps what is still there. */
  async #step(
    keys: readonly string[],
    given: { estate: Estate; isDry: boolean; found: Map<string, Finding>; signal: AbortSignal },
  ): Promise<void> {
    const { estate, isDry, found, signal } = given;
    const { ledger, clock, scopeTtlMs, count } = this.#options;
    const byOwner = Map.groupBy(keys, (key) => estate.ownerOf(key) ?? '');
    byOwner.delete('');
    const owners = [...byOwner.keys()];
    if (owners.length === 0) return;
    const now = clock.now();
    const lastUses = await ledger.lastUses(
      owners.map((owner) => ledgerName(estate.kind, owner)),
      now,
    );
    for (const [index, owner] of owners.entries()) {
      if (now - (lastUses[index] ?? now) < scopeTtlMs) continue;
      const name = ledgerName(estate.kind, owner);
      if (!found.has(name) && found.size === FINDINGS_MAX) continue;
      for (const key of byOwner.get(owner) ?? []) {
        // To remove one may take a walk over all names, and a server that ends does not wait for many.
        signal.throwIfAborted();
        const standing = await estate.look(key);
        if (standing === undefined) continue;
        const { version, storedBytes, writtenAtMs } = standing;
        const lastUsedAtMs = await this.#lastUse(name, writtenAtMs);
        // Back since the page was read.
        if (clock.now() - lastUsedAtMs < scopeTtlMs) break;
        if (!isDry) {
          if (!(await estate.remove(key, owner, version))) continue;
          count('keys', estate.kind, 1);
          count('bytes', estate.kind, storedBytes);
        }
        const { keys, storedBytes: bytes } = found.get(name) ?? { keys: 0, storedBytes: 0 };
        found.set(name, {
          kind: estate.kind,
          name: owner,
          keys: keys + 1,
          storedBytes: bytes + storedBytes,
          lastUsedAtMs,
        });
      }
    }
  }

  /** Asked after a key was looked at, so that who wrote what is there was in use by then; uses are noted a moment late, so that counts, too. */
  async #lastUse(name: string, writtenAtMs: number): Promise<number> {
    const { ledger, clock } = this.#options;
    const [lastUsedAtMs = clock.now()] = await ledger.lastUses([name], clock.now());
    if (writtenAtMs > lastUsedAtMs) await ledger.note([name], writtenAtMs);
    return Math.max(lastUsedAtMs, writtenAtMs);
  }
}
