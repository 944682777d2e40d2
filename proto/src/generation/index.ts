/** Invalidation in O(1), as servers and near caches judge it: no messages, no I/O. */
export { boundedTarget, bucketOf, BUCKETS, targetName } from './generation.ts';
export type {
  EntryTargets,
  Generation,
  GenerationEvent,
  GenerationMode,
  GenerationTarget,
  Verdict,
} from './generation.ts';
export { entryTags } from './entry-tags.ts';
export { EXACT_TARGETS_MAX, GenerationView, PREFIXES_MAX } from './generation-view.ts';
export type { FoldedMarks, GenerationViewOptions } from './generation-view.ts';
export type { Marks } from './marks.ts';
