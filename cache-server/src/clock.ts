/** Time as the server sees it; passed in, so that a test decides when it passes. */
export interface Clock {
  /** Milliseconds since 1970. */
  now(): number;
  /** Runs something once, later, unless the returned function is called before. Does not keep the process alive. */
  after(delayMs: number, run: () => void): () => void;
}

/** The real time. */
export const systemClock: Clock = {
  now: Date.now,
  after(delayMs, run) {
    const timer = setTimeout(run, delayMs).unref();
    return () => clearTimeout(timer);
  },
};
