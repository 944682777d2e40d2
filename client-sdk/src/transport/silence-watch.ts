/** Bounds a wait for the network, without blaming a server for the time in which this process itself did not run. */

/** What is waited for. Times in milliseconds. */
export interface SilenceLimits {
  readonly isConnected: () => boolean;
  /** How long a connection may take. */
  readonly connectTimeoutMs: number;
  /** How long a connected server may be silent; undefined: as long as it likes. */
  readonly silenceMs: number | undefined;
  readonly onSilence: (reason: string) => void;
}

/** Late by more than this, a timer tells of our own stall: what has arrived meanwhile is still unread. */
const STALL_MS = 200;

/** Watches one wait after the other. */
export class SilenceWatch {
  readonly #limits: SilenceLimits;
  #timer: NodeJS.Timeout | undefined;

  constructor(limits: SilenceLimits) {
    this.#limits = limits;
  }

  /** A wait begins. */
  start(): void {
    if (this.#limits.isConnected()) this.#watchServer();
    else {
      this.#arm(this.#limits.connectTimeoutMs, () => {
        if (this.#limits.isConnected()) this.#watchServer();
        else this.#limits.onSilence(`no connection within ${this.#limits.connectTimeoutMs} ms`);
      });
    }
  }

  /** The wait is over. */
  stop(): void {
    clearTimeout(this.#timer);
  }

  #watchServer(): void {
    const { silenceMs, onSilence } = this.#limits;
    if (silenceMs !== undefined)
      this.#arm(silenceMs, () => onSilence(`no sign of life within ${silenceMs} ms`));
  }

  #arm(limitMs: number, judge: () => void): void {
    const armedAtMs = performance.now();
    this.#timer = setTimeout(() => {
      if (performance.now() - armedAtMs > limitMs + STALL_MS) this.#arm(limitMs, judge);
      else judge();
    }, limitMs);
  }
}
