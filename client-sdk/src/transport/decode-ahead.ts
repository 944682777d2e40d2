/** Decodes some items of a stream at once, off the main thread, and yields them in order. */
import type { BufferBudget } from './buffer-budget.ts';

/** How to decode. */
export interface DecodeAhead<M, T> {
  readonly decode: (message: M) => Promise<T>;
  /** Bytes that a message and what it decodes to take. */
  readonly weigh: (message: M) => number;
  /** Most items decoded at once. */
  readonly depth: number;
  readonly budget: BufferBudget;
}

type Read<M> =
  | { readonly kind: 'item'; readonly item: M }
  | { readonly kind: 'end' }
  | { readonly kind: 'failure'; readonly error: unknown };

interface Ahead<T> {
  readonly promise: Promise<T>;
  readonly ready: Promise<undefined>;
  readonly bytes: number;
}

/**
 * Yields what the messages decode to. A failure of the source comes after everything that arrived before it; what was yielded
 * counts against the budget until the next item is asked for.
 */
export async function* decodeAhead<M, T>(
  source: AsyncGenerator<M, void, undefined>,
  { decode, weigh, depth, budget }: DecodeAhead<M, T>,
): AsyncGenerator<T, void, undefined> {
  const ahead: Ahead<T>[] = [];
  let next = readNext(source);
  try {
    for (;;) {
      const first = ahead[0];
      const full = ahead.length >= depth;
      const read =
        first === undefined ? await next : full ? undefined : await Promise.race([next, first.ready]);
      if (read?.kind === 'item' && taken(budget, weigh(read.item), first === undefined)) {
        ahead.push(begin(decode(read.item), weigh(read.item)));
        next = readNext(source);
      } else if (first !== undefined) {
        try {
          yield await first.promise;
        } finally {
          ahead.shift();
          budget.give(first.bytes);
        }
      } else if (read?.kind === 'failure') throw read.error;
      else return;
    }
  } finally {
    for (const { bytes } of ahead) budget.give(bytes);
    await source.return();
  }
}

/** The first item of a reader is always admitted. */
function taken(budget: BufferBudget, bytes: number, isFirst: boolean): boolean {
  if (!isFirst) return budget.tryTake(bytes);
  budget.take(bytes);
  return true;
}

function begin<T>(promise: Promise<T>, bytes: number): Ahead<T> {
  const done = (): undefined => undefined;
  // `ready` never rejects, so that a failed item ahead of its turn is nobody's unhandled rejection.
  return { promise, ready: promise.then(done, done), bytes };
}

async function readNext<M>(source: AsyncGenerator<M, void, undefined>): Promise<Read<M>> {
  try {
    const { done, value } = await source.next();
    return done === true ? { kind: 'end' } : { kind: 'item', item: value };
  } catch (error) {
    return { kind: 'failure', error };
  }
}
