/** A `LeaseStore` in the memory of this process, for tests: what all servers of a cluster would share. */
import type { Clock } from '../clock.ts';
import { CacheServerError } from '../errors.ts';
import { LEASE_MS, RECORDS_MS, RELEASED_MS } from './lease-store.ts';
import type { LeaseStore, LeaseTake, RecordBatch, RecordPage, RecordRange } from './lease-store.ts';

interface Held {
  readonly token: string;
  isAnswered: boolean;
  expiresAtMs: number;
}

interface Told {
  readonly records: { readonly id: string; readonly bytes: Buffer }[];
  expiresAtMs: number;
}

/** Tokens and records as in Redis; a test may take leases away, or make it fail. */
export class ProcessLeases implements LeaseStore {
  /** What every call rejects with while it is set. */
  failure: Error | undefined;
  /** More is refused at once, as by a Redis that is nearly full; 0 refuses every record. */
  recordBytesMax = Infinity;
  readonly #clock: Pick<Clock, 'now'>;
  readonly #held = new Map<string, Held>();
  readonly #told = new Map<string, Told>();
  readonly #listeners = new Map<string, Set<() => void>>();
  #lastToken = 0;

  constructor(clock: Pick<Clock, 'now'>) {
    this.#clock = clock;
  }

  async take(name: string): Promise<LeaseTake> {
    this.#assertThere();
    const held = this.#live(name);
    if (held !== undefined) return { kind: 'held', token: held.token, isAnswered: held.isAnswered };
    this.#lastToken += 1;
    const token = `${String(this.#clock.now() * 1000 + this.#lastToken).padStart(16, '0')}-t`;
    this.#held.set(name, { token, isAnswered: false, expiresAtMs: this.#clock.now() + LEASE_MS });
    return { kind: 'taken', token };
  }

  async renew(name: string, token: string): Promise<boolean> {
    this.#assertThere();
    const held = this.#live(name);
    if (held?.token !== token) return false;
    held.expiresAtMs = this.#clock.now() + LEASE_MS;
    return true;
  }

  async release(name: string, token: string): Promise<void> {
    this.#assertThere();
    if (this.#live(name)?.token !== token) return;
    const told = this.#told.get(token);
    if (told !== undefined) told.expiresAtMs = this.#clock.now() + RELEASED_MS;
    this.expire(name);
  }

  async append(name: string, token: string, { records, isAnswered }: RecordBatch): Promise<boolean> {
    this.#assertThere();
    const held = this.#live(name);
    if (held?.token !== token) return false;
    if (records.some(({ byteLength }) => byteLength > this.recordBytesMax)) throw refusal();
    const told = this.#told.get(token) ?? { records: [], expiresAtMs: 0 };
    for (const bytes of records)
      told.records.push({ id: String(told.records.length + 1), bytes: Buffer.from(bytes) });
    told.expiresAtMs = this.#clock.now() + RECORDS_MS;
    this.#told.set(token, told);
    held.isAnswered ||= isAnswered;
    held.expiresAtMs = this.#clock.now() + LEASE_MS;
    this.#tell(name);
    return true;
  }

  async read(name: string, token: string, { after, countMax }: RecordRange): Promise<RecordPage> {
    this.#assertThere();
    const told = this.#told.get(token);
    const records = told === undefined || told.expiresAtMs <= this.#clock.now() ? [] : told.records;
    const from = Number(after);
    return { records: records.slice(from, from + countMax), holder: this.#live(name)?.token };
  }

  onNews(name: string, listener: () => void): () => void {
    const listeners = this.#listeners.get(name) ?? new Set();
    this.#listeners.set(name, listeners.add(listener));
    return () => listeners.delete(listener);
  }

  /** Ends whoever's lease it is. */
  expire(name: string): void {
    this.#held.delete(name);
    this.#tell(name);
  }

  /** Names of the leases that are held. */
  held(): string[] {
    return [...this.#held.keys()].filter((name) => this.#live(name) !== undefined);
  }

  #live(name: string): Held | undefined {
    const held = this.#held.get(name);
    return held !== undefined && held.expiresAtMs > this.#clock.now() ? held : undefined;
  }

  #tell(name: string): void {
    for (const listener of this.#listeners.get(name) ?? []) listener();
  }

  #assertThere(): void {
    if (this.failure !== undefined) throw this.failure;
  }
}

function refusal(): CacheServerError {
  const cause = Object.assign(new Error('OOM command not allowed'), { name: 'ReplyError' });
  return new CacheServerError('store', 'append records: OOM', { cause });
}
