/** What a server tells those who watch, in the client's words. */
import type { InvalidationTarget, WatchResponse } from '@pannier/proto';
import type { Generation, GenerationMode, GenerationTarget } from '@pannier/proto/generation';
import { InvalidationMode } from '@pannier/proto';

/** One piece of news; all of them are about a place in the servers' log. */
export type WatchNews = Generation &
  (
    | { readonly kind: 'invalidation'; readonly target: GenerationTarget; readonly mode: GenerationMode }
    /** A dataset has a new version. */
    | { readonly kind: 'publication' }
    /** Everything up to there has been told, and so many milliseconds ago there was nothing more. */
    | { readonly kind: 'confirmation'; readonly confirmedMsAgo: number }
  );

/** Whoever wants to know. Nothing may throw. */
export interface WatchListener {
  /** Where the watch shall go on; undefined while it does not matter. */
  readonly position: Generation | undefined;
  onNews(news: WatchNews): void;
  /** The servers are too old to tell; they are asked again later. */
  onRefused(): void;
}

/** Reads a message. A target that this client does not know may be anything, so that it is taken for everything. */
export function watchNews({ epoch, sequence: number, ...told }: WatchResponse): WatchNews {
  const sequence = Number(number);
  if (told.target !== undefined) {
    const mode = told.mode === InvalidationMode.SOFT ? 'soft' : 'hard';
    return { kind: 'invalidation', epoch, sequence, target: targetOf(told.target), mode };
  }
  if (told.published !== undefined) return { kind: 'publication', epoch, sequence };
  return { kind: 'confirmation', epoch, sequence, confirmedMsAgo: told.confirmedMsAgo };
}

function targetOf({ target }: InvalidationTarget): GenerationTarget {
  if (target.case === undefined || target.case === 'all') return { kind: 'all', value: '' };
  if (target.case === 'urlPrefix') return { kind: 'prefix', value: target.value };
  return { kind: target.case, value: target.value };
}
