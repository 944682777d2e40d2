/**
 * What a process knows of invalidations, in bounded memory. The targets that were invalidated last are known exactly. Older ones are folded into
 * hash buckets, where a target may be taken for another one that was invalidated later: an entry may be outdated for nothing, but never the other
 * way round. An entry that is younger than everything folded is judged exactly.
 */
import { BUCKETS, bucketOf, targetName } from './generation.ts';
import type { EntryTargets, GenerationEvent, GenerationMode, Verdict } from './generation.ts';
import { joined, lastOf, marked, NO_MARKS, verdictOf } from './marks.ts';
import type { Marks } from './marks.ts';
import { PrefixMarks } from './prefix-marks.ts';

/** Bounds of a view. */
export interface GenerationViewOptions {
  /** Targets that are known exactly; 100,000 by default. */
  readonly exactMax?: number;
  /** URL prefixes that are known exactly; 1,000 by default. Beyond, the oldest counts for every entry. */
  readonly prefixesMax?: number;
}

/** What is known of the invalidations before those that are added one by one. */
export interface FoldedMarks {
  /** Everything up to this sequence may be folded. */
  readonly through: number;
  /** By bucket. */
  readonly buckets: Iterable<readonly [bucket: number, mode: GenerationMode, sequence: number]>;
  readonly prefixes: Iterable<readonly [prefix: string, mode: GenerationMode, sequence: number]>;
  readonly all: Marks;
}

export const EXACT_TARGETS_MAX = 100_000;
export const PREFIXES_MAX = 1000;

/** See the head of this file. Pure: no time, no network. */
export class GenerationView {
  readonly #exactMax: number;
  /** By name; the one that was invalidated longest ago first. */
  readonly #exact = new Map<string, Marks>();
  readonly #prefixes: PrefixMarks;
  /** Sequences by bucket and mode; made when something is folded. */
  #buckets: Record<GenerationMode, Float64Array> | undefined;
  #all = NO_MARKS;
  /** Nothing after this sequence is folded. */
  #exactSince = 0;
  #sequence = 0;

  constructor({ exactMax = EXACT_TARGETS_MAX, prefixesMax = PREFIXES_MAX }: GenerationViewOptions = {}) {
    this.#exactMax = exactMax;
    this.#prefixes = new PrefixMarks(prefixesMax);
  }

  /** The highest sequence that was added. */
  get sequence(): number {
    return this.#sequence;
  }

  /** Adds an invalidation. In whichever order they come, and however often. */
  add({ sequence, target, mode }: GenerationEvent): void {
    this.#sequence = Math.max(this.#sequence, sequence);
    if (target.kind === 'all') this.#all = marked(this.#all, mode, sequence);
    else if (target.kind === 'prefix') this.#addPrefix(target.value, mode, sequence);
    else this.#addExact(targetName(target), mode, sequence);
  }

  /** What an entry is worth that was captured at a sequence of this epoch. */
  judge(targets: EntryTargets, sequence: number): Verdict {
    if (sequence >= this.#sequence) return 'valid';
    return verdictOf(this.#marksOf(targets, sequence), sequence);
  }

  /** Forgets everything: the log began anew. */
  clear(): void {
    this.#exact.clear();
    this.#prefixes.clear();
    this.#buckets = undefined;
    this.#all = NO_MARKS;
    this.#exactSince = 0;
    this.#sequence = 0;
  }

  /** Takes over what was folded elsewhere. */
  load({ through, buckets, prefixes, all }: FoldedMarks): void {
    this.#exactSince = Math.max(this.#exactSince, through);
    this.#all = joined(this.#all, all);
    this.#sequence = Math.max(this.#sequence, through, lastOf(all));
    for (const [bucket, mode, sequence] of buckets) {
      this.#fold(bucket, marked(NO_MARKS, mode, sequence));
      this.#sequence = Math.max(this.#sequence, sequence);
    }
    for (const [value, mode, sequence] of prefixes)
      this.add({ sequence, mode, target: { kind: 'prefix', value } });
  }

  #addExact(name: string, mode: GenerationMode, sequence: number): void {
    const marks = marked(this.#exact.get(name) ?? NO_MARKS, mode, sequence);
    // Behind all others, so that the first is the one to be folded next.
    this.#exact.delete(name);
    this.#exact.set(name, marks);
    if (this.#exact.size <= this.#exactMax) return;
    for (const [oldest, folded] of this.#exact) {
      this.#exact.delete(oldest);
      this.#fold(bucketOf(oldest), folded);
      this.#exactSince = Math.max(this.#exactSince, lastOf(folded));
      return;
    }
  }

  #addPrefix(prefix: string, mode: GenerationMode, sequence: number): void {
    const dropped = this.#prefixes.add(prefix, mode, sequence);
    if (dropped !== undefined) this.#all = joined(this.#all, dropped);
  }

  #fold(bucket: number, { hard, soft }: Marks): void {
    this.#buckets ??= { hard: new Float64Array(BUCKETS), soft: new Float64Array(BUCKETS) };
    this.#buckets.hard[bucket] = Math.max(this.#buckets.hard[bucket] ?? 0, hard);
    this.#buckets.soft[bucket] = Math.max(this.#buckets.soft[bucket] ?? 0, soft);
  }

  #marksOf({ key, scope, url, tags = [], dataset }: EntryTargets, sequence: number): Marks {
    let marks = this.#all;
    const look = (name: string): void => {
      const exact = this.#exact.get(name);
      if (exact !== undefined) marks = joined(marks, exact);
      if (sequence < this.#exactSince) marks = joined(marks, this.#bucketMarks(bucketOf(name)));
    };
    if (key !== undefined) look(targetName({ kind: 'key', value: key }));
    if (scope !== undefined) look(targetName({ kind: 'scope', value: scope }));
    if (dataset !== undefined) look(targetName({ kind: 'dataset', value: dataset }));
    for (const value of tags) look(targetName({ kind: 'tag', value }));
    if (url === undefined) return marks;
    look(targetName({ kind: 'url', value: url }));
    return joined(marks, this.#prefixes.of(url));
  }

  #bucketMarks(bucket: number): Marks {
    if (this.#buckets === undefined) return NO_MARKS;
    return { hard: this.#buckets.hard[bucket] ?? 0, soft: this.#buckets.soft[bucket] ?? 0 };
  }
}
