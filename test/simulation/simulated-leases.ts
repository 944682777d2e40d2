/** The control half of a simulated Redis: leases and what their holders record. See `simulated-redis.ts`. */
import { LEASE_MS, RECORDS_MS, RELEASED_MS } from '../../cache-server/src/lease/lease-store.ts';
import type {
  LeaseStore,
  LeaseTake,
  RecordBatch,
  RecordPage,
  RecordRange,
} from '../../cache-server/src/lease/lease-store.ts';
import { ExpiringMap } from './simulated-redis.ts';
import type { Random } from './random.ts';
import type { Timeline } from './simulated-time.ts';
import type { Sabotage } from './sabotage.ts';

interface Lease {
  readonly token: string;
  readonly isAnswered: boolean;
}

interface RecordEntry {
  readonly id: string;
  readonly bytes: Buffer;
}

export class SimulatedLeases implements LeaseStore {
  readonly #leases: ExpiringMap<Lease>;
  readonly #records: ExpiringMap<readonly RecordEntry[]>;
  readonly #listeners = new Map<string, Set<() => void>>();
  readonly #time: Pick<Timeline, 'nowMs'>;
  readonly #random: Random;
  #lastMicros = 0;

  readonly #sabotage: Sabotage | undefined;

  constructor(time: Pick<Timeline, 'nowMs'>, random: Random, sabotage?: Sabotage) {
    this.#sabotage = sabotage;
    this.#time = time;
    this.#random = random;
    this.#leases = new ExpiringMap(time);
    this.#records = new ExpiringMap(time);
  }

  async take(name: string): Promise<LeaseTake> {
    const held = this.#leases.get(name);
    if (held !== undefined && this.#sabotage !== 'two-leaders') return { kind: 'held', ...held };
    // As TIME of Redis: it goes on between two scripts.
    this.#lastMicros = Math.max(this.#lastMicros + 1, Math.floor(this.#time.nowMs * 1000));
    const token = `${String(this.#lastMicros).padStart(16, '0')}-${this.#random.next().toString(36).slice(2)}`;
    this.#leases.set(name, { token, isAnswered: false }, LEASE_MS);
    return { kind: 'taken', token };
  }

  async renew(name: string, token: string): Promise<boolean> {
    const held = this.#held(name, token);
    if (held !== undefined) this.#extend(name, held);
    return held !== undefined || this.#sabotage === 'no-fence';
  }

  async release(name: string, token: string): Promise<void> {
    if (this.#held(name, token) === undefined) return;
    this.#leases.delete(name);
    const told = this.#records.get(`${name}\n${token}`);
    if (told !== undefined) this.#records.set(`${name}\n${token}`, told, RELEASED_MS);
    this.#tell(name);
  }

  async append(name: string, token: string, { records, isAnswered }: RecordBatch): Promise<boolean> {
    const held = this.#held(name, token);
    if (held === undefined) return this.#sabotage === 'no-fence';
    const there = this.#records.get(`${name}\n${token}`) ?? [];
    const added = records.map((bytes, at): RecordEntry => ({
      id: String(there.length + at + 1).padStart(8, '0'),
      bytes: Buffer.from(bytes),
    }));
    this.#records.set(`${name}\n${token}`, [...there, ...added], RECORDS_MS);
    this.#extend(name, { token, isAnswered: held.isAnswered || isAnswered });
    this.#tell(name);
    return true;
  }

  async read(name: string, token: string, { after, countMax }: RecordRange): Promise<RecordPage> {
    const there = this.#records.get(`${name}\n${token}`) ?? [];
    const records = there.filter(({ id }) => id > after).slice(0, countMax);
    return { records, holder: this.#leases.get(name)?.token };
  }

  onNews(name: string, listener: () => void): () => void {
    const listeners = this.#listeners.get(name) ?? new Set();
    this.#listeners.set(name, listeners.add(listener));
    return () => listeners.delete(listener);
  }

  /** What brings back what is there now. */
  keep(): () => void {
    const back = [this.#leases.snapshot(), this.#records.snapshot()];
    return () => {
      for (const restore of back) restore();
    };
  }

  #extend(name: string, lease: Lease): void {
    if (this.#sabotage === 'no-beat') this.#leases.replace(name, lease);
    else this.#leases.set(name, lease, LEASE_MS);
  }

  #held(name: string, token: string): Lease | undefined {
    const held = this.#leases.get(name);
    return held?.token === token ? held : undefined;
  }

  /** About every tenth message is lost. */
  #tell(name: string): void {
    for (const listener of this.#listeners.get(name) ?? []) if (!this.#random.chance(0.1)) listener();
  }
}
