/** When something was last invalidated, by mode. */
import type { GenerationMode, Verdict } from './generation.ts';

/** Sequences of the last invalidations; 0 for none. */
export interface Marks {
  readonly hard: number;
  readonly soft: number;
}

export const NO_MARKS: Marks = { hard: 0, soft: 0 };

/** Marks with one more invalidation; in whichever order they come, the latest counts. */
export function marked(marks: Marks, mode: GenerationMode, sequence: number): Marks {
  return { ...marks, [mode]: Math.max(marks[mode], sequence) };
}

/** Both together. */
export function joined(one: Marks, other: Marks): Marks {
  return { hard: Math.max(one.hard, other.hard), soft: Math.max(one.soft, other.soft) };
}

/** The later of the two. */
export function lastOf({ hard, soft }: Marks): number {
  return Math.max(hard, soft);
}

/** What marks say of an entry of a sequence. */
export function verdictOf({ hard, soft }: Marks, sequence: number): Verdict {
  if (hard > sequence) return 'gone';
  return soft > sequence ? 'stale' : 'valid';
}
