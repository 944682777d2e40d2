/**
 * Bodies that an Exchange has announced and a Fetch will read. A flight waits for the reader that was announced; when it does not
 * come in time its place is given up. A ticket is good for the caller that received it.
 */
import type { Caller, EntryBody } from '../entry/entry-answer.ts';

interface Announced {
  body: EntryBody;
  timer: NodeJS.Timeout;
}

/** How long an announced body waits for its reader, in milliseconds. */
const CLAIM_TIMEOUT_MS = 10_000;

function slot(caller: Caller, key: string, version: string): string {
  return `${caller.identity}\n${key}\n${version}`;
}

/** Tickets given out and not yet claimed. */
export class TicketTable {
  readonly #announced = new Map<string, Announced[]>();

  /** Number of tickets not yet claimed. */
  get size(): number {
    let size = 0;
    for (const waiting of this.#announced.values()) size += waiting.length;
    return size;
  }

  /** Keeps a body for the Fetch that will come. */
  put(caller: Caller, key: string, body: EntryBody): void {
    const name = slot(caller, key, body.version);
    const entry: Announced = {
      body,
      timer: setTimeout(() => {
        this.#remove(name, entry);
        body.release();
      }, CLAIM_TIMEOUT_MS),
    };
    entry.timer.unref();
    const waiting = this.#announced.get(name);
    if (waiting === undefined) this.#announced.set(name, [entry]);
    else waiting.push(entry);
  }

  /** Hands over a body that was announced to this caller, once. */
  claim(caller: Caller, key: string, version: string): EntryBody | undefined {
    const name = slot(caller, key, version);
    const entry = this.#announced.get(name)?.[0];
    if (entry === undefined) return undefined;
    clearTimeout(entry.timer);
    this.#remove(name, entry);
    return entry.body;
  }

  /** Gives up everything, when the server stops. */
  clear(): void {
    for (const waiting of this.#announced.values()) {
      for (const { body, timer } of waiting) {
        clearTimeout(timer);
        body.release();
      }
    }
    this.#announced.clear();
  }

  #remove(name: string, entry: Announced): void {
    const waiting = this.#announced.get(name)?.filter((other) => other !== entry) ?? [];
    if (waiting.length === 0) this.#announced.delete(name);
    else this.#announced.set(name, waiting);
  }
}
