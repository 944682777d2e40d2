/** The way from a process to a server of the simulation: it takes time, loses requests or replies, and can be cut. */
import type { Random } from './random.ts';
import type { SimulatedProcess, Timeline } from './simulated-time.ts';

/** How a way behaves. */
export interface LinkOptions {
  readonly time: Timeline;
  readonly random: Random;
  readonly process: SimulatedProcess;
  /** Each way, in milliseconds; mostly near the first. */
  readonly delayMs: readonly [min: number, max: number];
  /** Share of calls of which the request, or the reply, never arrives. */
  readonly lossShare: number;
  /** When a caller gives up, in milliseconds. */
  readonly timeoutMs: number;
  /** What the caller gets then. */
  readonly lost: (what: string) => Error;
}

/** One way. */
export class SimulatedLink {
  /** Nothing gets through while this is set; what is under way is lost. */
  isCut = false;
  /** Calls that were given up without an answer, and when, in milliseconds since the beginning. */
  readonly lost: { readonly what: string; readonly atMs: number }[] = [];
  readonly #options: LinkOptions;

  constructor(options: LinkOptions) {
    this.#options = options;
  }

  /**
   * Calls something at the other end.
   *
   * @param act runs there, in one step; what it throws comes back as the answer
   */
  async call<T>(what: string, act: () => T): Promise<T> {
    const { time, random, process, lossShare, timeoutMs, lost } = this.#options;
    return await new Promise<T>((resolve, reject) => {
      let isSettled = false;
      const settle = (deliver: () => void): void => {
        if (isSettled) return;
        isSettled = true;
        deliver();
      };
      process.later(
        timeoutMs,
        () =>
          settle(() => {
            this.lost.push({ what, atMs: time.elapsedMs });
            reject(lost(what));
          }),
        () => isSettled,
      );
      const losesRequest = random.chance(lossShare);
      const losesReply = random.chance(lossShare);
      const [there, back] = [this.#delayMs(), this.#delayMs()];
      time.at(there, () => {
        if (this.isCut || losesRequest) return;
        let reply: () => void;
        try {
          const answer = act();
          // An error whose reply is lost is nobody's.
          if (answer instanceof Promise) answer.catch(() => undefined);
          reply = () => resolve(answer);
        } catch (error) {
          reply = () => reject(error instanceof Error ? error : new Error(String(error)));
        }
        if (!losesReply) process.later(back, () => !this.isCut && settle(reply));
      });
    });
  }

  /** A message that nobody asked for: lost while the way is cut, late when it is slow. */
  tell(listener: () => void): void {
    const { process } = this.#options;
    if (!this.isCut) process.later(this.#delayMs(), () => !this.isCut && listener());
  }

  #delayMs(): number {
    const { random, delayMs } = this.#options;
    const [min, max] = delayMs;
    // Mostly short, at times as long as it gets.
    return min + (max - min) * random.next() ** 4;
  }
}

/** An object's methods, each called over a link, by a name that begins with `of`; those named in `direct` are called as they are. */
export function overLink<T extends object>(
  target: T,
  { link, of }: { link: SimulatedLink; of: string },
  direct: Partial<T> = {},
): T {
  return new Proxy(target, {
    get(_target, name) {
      const own: unknown = Reflect.get(direct, name);
      if (own !== undefined) return own;
      const value: unknown = Reflect.get(target, name);
      if (typeof value !== 'function') return value;
      return async (...given: unknown[]): Promise<unknown> =>
        await link.call(`${of}.${String(name)}`, () => Reflect.apply(value, target, given) as unknown);
    },
  });
}
