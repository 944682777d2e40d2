/** Puts signs of life between the items of a slow source. */

/** Either an item or the time waited for it so far. */
export type Beat<T> =
  { readonly kind: 'item'; readonly item: T } | { readonly kind: 'waiting'; readonly waitedMs: number };

const WAITING = Symbol('waiting');

/**
 * Yields what the source yields and, while it is silent, a beat every `everyMs` milliseconds. Returning early returns the source;
 * the source must end by itself on the signal that its maker holds.
 */
export async function* withHeartbeats<T>(
  source: AsyncIterable<T>,
  everyMs: number,
): AsyncGenerator<Beat<T>, void, undefined> {
  const iterator = source[Symbol.asyncIterator]();
  let finished = false;
  try {
    for (;;) {
      const next = iterator.next();
      let waitedMs = 0;
      for (;;) {
        const result = await nextOrTimeout(next, everyMs);
        if (result === WAITING) {
          waitedMs += everyMs;
          yield { kind: 'waiting', waitedMs };
        } else if (result.done === true) {
          finished = true;
          return;
        } else {
          yield { kind: 'item', item: result.value };
          break;
        }
      }
    }
  } finally {
    if (!finished) await iterator.return?.();
  }
}

async function nextOrTimeout<T>(
  next: Promise<IteratorResult<T>>,
  timeoutMs: number,
): Promise<IteratorResult<T> | typeof WAITING> {
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<typeof WAITING>((resolve) => {
    timer = setTimeout(() => resolve(WAITING), timeoutMs);
  });
  try {
    return await Promise.race([next, timeout]);
  } finally {
    clearTimeout(timer);
  }
}
