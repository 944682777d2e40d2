/** Errors of the connections to Redis: each is counted, few are reported, none with what was sent. */
import { bareError } from '../../bare-error.ts';

/** Told of errors: the latest, and how many there were since it was last told, this one included. */
export type OnConnectionError = (error: Error, count: number) => void;

/** Shortest time between two reports, in milliseconds. */
const REPORT_INTERVAL_MS = 5_000;

/** Counts what went wrong with the connections of one store and keeps the last of it. */
export class ConnectionErrors {
  readonly #onError: OnConnectionError | undefined;
  readonly #now: () => number;
  #count = 0;
  #reportedCount = 0;
  #reportedAtMs = -Infinity;
  #last: Error | undefined;

  constructor(onError: OnConnectionError | undefined, now: () => number) {
    this.#onError = onError;
    this.#now = now;
  }

  /** Number of errors since the start. */
  get count(): number {
    return this.#count;
  }

  /** The latest error since the connection was last ready. */
  get last(): Error | undefined {
    return this.#last;
  }

  /** A server that is away gives an error several times a second: the report must not flood the log. */
  note(cause: unknown): void {
    const error = bareError(cause);
    this.#count += 1;
    this.#last = error;
    if (this.#now() - this.#reportedAtMs < REPORT_INTERVAL_MS) return;
    this.#reportedAtMs = this.#now();
    const unreported = this.#count - this.#reportedCount;
    this.#reportedCount = this.#count;
    this.#onError?.(error, unreported);
  }

  /** The connection is ready: what was wrong before no longer explains anything. */
  forget(): void {
    this.#last = undefined;
  }
}
