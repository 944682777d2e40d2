/** The flights of this process: at most one that can be joined for each key. */
import type { Clock } from '../clock.ts';
import type { EntryKey } from '../entry/entry-key.ts';
import { CacheServerError } from '../errors.ts';
import { Flight } from './flight.ts';
import { waitLimited } from './wait-limit.ts';
import { versionId } from './version-id.ts';

/** Settings of {@link FlightTable}. */
export interface FlightTableOptions {
  readonly clock: Clock;
  readonly random: () => number;
  readonly limits: { readonly fetchDeadlineMs: number; readonly waitersPerFlightMax: number };
  /** Told why a flight failed, also when nobody follows it any more. */
  readonly onFailed: (error: unknown, keyText: string) => void;
}

/** What a request wants of a flight. */
export interface FlightWork<H> {
  readonly run: (flight: Flight<H>) => Promise<void>;
  readonly accepts: (head: H) => boolean;
  /** Whether what a flight brings was invalidated since it asked its upstream: whoever comes now needs another one. */
  readonly isOutdated: (flight: Flight<H>) => boolean;
  /** Joins however many wait already. */
  readonly isPatient?: boolean | undefined;
}

/** A request's share in a flight. */
export interface Seat<H> {
  readonly flight: Flight<H>;
  /** True for the request that started the flight. */
  readonly isFirst: boolean;
  /** The head; rejects with what ended the flight before it, or with the signal's reason. */
  head(signal: AbortSignal): Promise<H>;
  /** Gives the seat up, once; a reader's place that was taken meanwhile stays. */
  leave(): void;
}

/** All flights. */
export class FlightTable<H> {
  readonly #options: FlightTableOptions;
  readonly #byKey = new Map<string, Flight<H>>();
  readonly #all = new Set<Flight<H>>();
  #lastStartMs = -Infinity;

  constructor(options: FlightTableOptions) {
    this.#options = options;
  }

  /** Whether a flight of this key is under way. */
  isUnderWay(keyText: string): boolean {
    return this.#byKey.has(keyText);
  }

  get size(): number {
    return this.#all.size;
  }

  get followers(): number {
    let count = 0;
    for (const flight of this.#all) count += flight.followers;
    return count;
  }

  /**
   * Joins the flight of a key, or starts one. Nothing is awaited between looking and starting, so that two requests never start two.
   *
   * @param work.run does the flight's work; settles when it is done, published included
   * @param work.accepts whether the request is content with a head that arrived before it was made
   * @param work.isOutdated keeps the request from a flight that goes on for those who follow it already
   * @throws CacheServerError `wait-limited` when `limits.waitersPerFlightMax` follow already
   */
  join(key: EntryKey, { run, accepts, isOutdated, isPatient = false }: FlightWork<H>): Seat<H> {
    const current = this.#byKey.get(key.text);
    const joined = current?.isJoinable(accepts) === true && !isOutdated(current) ? current : undefined;
    const flight = joined ?? this.#start(key, run);
    const { waitersPerFlightMax } = this.#options.limits;
    if (joined !== undefined && !isPatient && flight.followers >= waitersPerFlightMax)
      throw waitLimited(`limits.waitersPerFlightMax ${waitersPerFlightMax} wait for this already`);
    if (joined !== undefined) flight.join();
    let left = false;
    return {
      flight,
      isFirst: joined === undefined,
      head: async (signal) => await flight.head(signal),
      leave: () => {
        if (!left) flight.leave();
        left = true;
      },
    };
  }

  /** Lets requests for another key join a flight, too: what it brings turned out to be for that one. */
  joinAlsoBy(flight: Flight<H>, { text }: EntryKey): void {
    if (this.#all.has(flight) && !this.#byKey.has(text)) this.#byKey.set(text, flight);
  }

  /** The flight that brings this version, while its body can be read from the start. */
  find(keyText: string, version: string): Flight<H> | undefined {
    for (const flight of this.#all) {
      if (flight.version === version && flight.publishesAs.text === keyText) return flight;
    }
    return undefined;
  }

  /** Cancels every flight. */
  close(): void {
    for (const flight of this.#all) flight.abort(new CacheServerError('draining', 'the server stops'));
  }

  #forget(flight: Flight<H>): void {
    for (const { text } of [flight.key, flight.publishesAs])
      if (this.#byKey.get(text) === flight) this.#byKey.delete(text);
  }

  #start(key: EntryKey, run: FlightWork<H>['run']): Flight<H> {
    const { clock, random, limits } = this.#options;
    // Later than all before, so that versions tell which of two flights of one millisecond began last.
    this.#lastStartMs = Math.max(clock.now(), this.#lastStartMs + 1);
    const flight = new Flight<H>(key, versionId(this.#lastStartMs, random));
    // The first seat is taken before the work begins, which may end at once.
    flight.join();
    this.#byKey.set(key.text, flight);
    this.#all.add(flight);
    const overdue = clock.after(limits.fetchDeadlineMs, () => {
      const waited = `the fetch took longer than limits.fetchDeadlineMs ${limits.fetchDeadlineMs}`;
      flight.abort(new CacheServerError('upstream-timeout', waited, { proxyError: 'http_response_timeout' }));
    });
    // Out of the table first, so that whoever learns of the failure and asks again starts anew.
    const land = (error?: unknown): void => {
      overdue();
      this.#forget(flight);
      this.#all.delete(flight);
      if (error !== undefined) this.#options.onFailed(error, key.text);
      flight.end(error);
    };
    run(flight).then(
      () => land(),
      (error: unknown) => land(error),
    );
    return flight;
  }
}
