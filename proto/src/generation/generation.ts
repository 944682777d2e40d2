/**
 * Invalidation in O(1): nothing is looked for and removed. Every invalidation has a number, every entry says which number was the last one
 * before its upstream was asked, and whoever reads an entry compares: is there a later invalidation of anything that the entry is part of?
 */
import { createHash } from 'node:crypto';
import { crc32 } from 'node:zlib';

/** A moment between two invalidations. Sequences of different epochs say nothing of each other. */
export interface Generation {
  /** Random name of the log; another one means that the log was lost and began anew. '' before any is known. */
  readonly epoch: string;
  /** Number of the last invalidation before this moment; 0 before the first. */
  readonly sequence: number;
}

/**
 * What was invalidated:
 *
 * - `all`      every entry; the value is ''
 * - `scope`    the entries of an upstream, or the objects of a caller
 * - `tag`      what carries a tag: in `Surrogate-Key` or `Cache-Tag`, or given when an object was put
 * - `url`      the entries of one URL, as the server resolves it
 * - `prefix`   the entries whose URL begins so
 * - `dataset`  a dataset by its name in the configuration
 * - `key`      one entry by its whole key
 */
export interface GenerationTarget {
  readonly kind: 'all' | 'scope' | 'tag' | 'url' | 'prefix' | 'dataset' | 'key';
  readonly value: string;
}

/** `hard`: as if it were not there. `soft`: stale, but good for revalidation and wherever something stale may be served. */
export type GenerationMode = 'hard' | 'soft';

/** One invalidation. */
export interface GenerationEvent {
  readonly sequence: number;
  readonly target: GenerationTarget;
  readonly mode: GenerationMode;
}

/** What one entry is part of. What is absent is not looked at. */
export interface EntryTargets {
  readonly key?: string;
  readonly scope?: string;
  readonly url?: string;
  readonly tags?: readonly string[];
  readonly dataset?: string;
}

/** What invalidations make of an entry: nothing, what a soft one says, or what a hard one says. */
export type Verdict = 'valid' | 'stale' | 'gone';

/** Number of hash buckets into which old invalidations are folded. */
export const BUCKETS = 65_536;

/** Longest value that is kept as it is, in characters; a longer one is known by its SHA-256. */
const VALUE_CHARS_MAX = 512;

/** A target with a value of bounded length. The same for the same target however often it is applied; not for `prefix`. */
export function boundedTarget(target: GenerationTarget): GenerationTarget {
  const { kind, value } = target;
  if (value.length <= VALUE_CHARS_MAX || kind === 'prefix') return target;
  return { kind, value: `%%sha256:${createHash('sha256').update(value).digest('hex')}` };
}

/** One text for each target. */
export function targetName(target: GenerationTarget): string {
  const { kind, value } = boundedTarget(target);
  return `${kind}\n${value}`;
}

/** The bucket of a target's name, 0 to 65,535; the same in every process and version. */
export function bucketOf(name: string): number {
  return crc32(name) % BUCKETS;
}
