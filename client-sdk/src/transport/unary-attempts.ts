import { PannierError } from '../errors.ts';
import { isServerLost } from './server-failure.ts';

/** How long a call may take in milliseconds, in all and at one server. */
export interface AttemptLimits {
  readonly signal: AbortSignal | undefined;
  readonly deadlineMs: number;
  readonly attemptMs: number;
}

/**
 * Makes a call at one server after the other until one answers.
 *
 * @returns the failure of the last one when none did; undefined when there is none
 * @throws PannierError the failure of a server that did answer; the signal's reason
 */
export async function firstAnswer<L, T>(
  links: readonly L[],
  ask: (link: L, withinMs: number) => Promise<T>,
  { signal, deadlineMs, attemptMs }: AttemptLimits,
): Promise<{ readonly answer: T } | { readonly lost: PannierError | undefined }> {
  const deadlineAtMs = performance.now() + deadlineMs;
  let lost: PannierError | undefined;
  for (const link of links) {
    const leftMs = Math.max(1, deadlineAtMs - performance.now());
    try {
      return { answer: await ask(link, Math.min(leftMs, attemptMs)) };
    } catch (error) {
      if (signal?.aborted === true) throw signal.reason;
      const isOverdue = error instanceof PannierError && error.code === 'deadline' && attemptMs < leftMs;
      if (!isServerLost(error) && !isOverdue) throw error;
      lost = error;
    }
  }
  return { lost };
}
