/**
 * What a near cache knows of invalidations: those that the Watch told of, up to which place in the servers' log nothing is missing, and when
 * that was last confirmed. An entry is judged by them when it is about to be used, so that an event costs the same however much it hits.
 */
import { GenerationView } from '@pannier/proto/generation';
import type { EntryTargets, Generation, Verdict } from '@pannier/proto/generation';
import type { WatchListener, WatchNews } from './transport/watch-news.ts';

/** Targets that are known exactly; older ones may outdate an entry for nothing. */
const TARGETS_MAX = 20_000;

/** The view of one near cache. Times in milliseconds on a clock that never jumps. */
export class NearView implements WatchListener {
  readonly #trustMs: number;
  readonly #now: () => number;
  readonly #events = new GenerationView({ exactMax: TARGETS_MAX });
  #position: Generation | undefined;
  #confirmedAtMs = Number.NEGATIVE_INFINITY;
  #isWatched = false;
  #toldOf = 0;

  /** @param trustMs how long it holds after it was confirmed for the last time */
  constructor(trustMs: number, now: () => number = () => performance.now()) {
    this.#trustMs = trustMs;
    this.#now = now;
  }

  /**
   * Whether what a server judged so long ago still holds as far as this view can tell: everything is known here that the servers knew
   * `trustMs` ago, or the judgement itself is no older.
   */
  trusts(judgedMsAgo: number): boolean {
    return judgedMsAgo <= this.#trustMs || this.#now() - this.#confirmedAtMs <= this.#trustMs;
  }

  /** Whether there is a server that tells of invalidations, as far as is known. */
  get isWatched(): boolean {
    return this.#isWatched;
  }

  get position(): Generation | undefined {
    return this.#position;
  }

  /** How many pieces of news there were that may have outdated something. */
  get toldOf(): number {
    return this.#toldOf;
  }

  /** An entry was judged there: nothing that was before it need be told, nor is anything before it known. */
  begin(position: Generation): void {
    if (this.#position === undefined) this.#missUpTo(position);
  }

  onNews(news: WatchNews): void {
    this.#isWatched = true;
    const { epoch, sequence } = news;
    if (news.kind === 'confirmation') {
      if (this.#position === undefined) this.#missUpTo(news);
      // A server that knows of more is about to tell it; one that has fallen behind what others told cannot confirm it.
      if (this.#position?.epoch !== epoch || this.#position.sequence !== sequence) return;
      this.#confirmedAtMs = this.#now() - news.confirmedMsAgo;
      return;
    }
    const isNext = this.#position?.epoch === epoch && sequence <= this.#position.sequence + 1;
    if (!isNext || news.kind === 'invalidation') this.#toldOf += 1;
    if (!isNext) this.#missUpTo({ epoch, sequence: sequence - 1 });
    if (sequence > (this.#position?.sequence ?? 0)) this.#position = { epoch, sequence };
    if (news.kind === 'invalidation') this.#events.add(news);
  }

  onRefused(): void {
    this.#isWatched = false;
  }

  /**
   * What has become of an entry that was judged at `generation`: nothing that this view knows of, outdated, or gone. Of another log it says
   * only that the entry is not to be used without asking.
   */
  judge(generation: Generation, targets: EntryTargets): Verdict {
    if (this.#position?.epoch !== generation.epoch) return 'stale';
    return this.#events.judge(targets, generation.sequence);
  }

  /** The later of two places: the one up to which everything is known, or this one. */
  atLeast(generation: Generation): Generation {
    const known = this.#position;
    return known?.epoch === generation.epoch && known.sequence > generation.sequence ? known : generation;
  }

  /** Whatever happened before this place may have happened to anything. */
  #missUpTo({ epoch, sequence }: Generation): void {
    if (this.#position?.epoch !== epoch) this.#events.clear();
    this.#events.add({ sequence, target: { kind: 'all', value: '' }, mode: 'hard' });
    this.#position = { epoch, sequence };
  }
}
