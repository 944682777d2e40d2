/**
 * The small in-memory tier of a proxy or an SDK client: whole bodies, bounded in bytes, for as long as the server allows and no invalidation
 * names them.
 */
import { LRUCache } from 'lru-cache';
import { storedFields } from '@pannier/http-semantics';
import type { HeaderList } from '@pannier/http-semantics';
import { entryTags, GenerationView } from '@pannier/proto/generation';
import type { EntryTargets, Generation, GenerationTarget, Verdict } from '@pannier/proto/generation';
import { comparableUrl, RemovalLog } from './near-removals.ts';
import { NearView } from './near-view.ts';
import type { LookupResponse } from './transport/lookup-answer.ts';
import type { WatchListener } from './transport/watch-news.ts';

/** A response that may be used again without asking. Times in milliseconds on the cache's own clock. */
export interface NearEntry {
  readonly status: number;
  readonly headers: HeaderList;
  readonly body: Uint8Array;
  readonly storedAtMs: number;
  readonly expiresAtMs: number;
  /** What the server said of it, or `direct` when it came past every server: nobody tells of what becomes of it. */
  readonly source: NearSource | 'direct';
}

/** What an answer tells of its entry. */
export type NearSource = Pick<LookupResponse, 'key' | 'generation' | 'entryUrl'>;

/** Limits in bytes, times in milliseconds. */
export interface NearCacheOptions {
  /** What all entries together may take; 0 turns the cache off. */
  readonly bytesMax: number;
  /** What one entry may take, head included. */
  readonly entryBytesMax: number;
  /** Default `Date.now`. */
  readonly now?: () => number;
  /** How long entries are used without a sign of life from the servers' log of invalidations; default 1,000. */
  readonly trustMs?: number;
  /** Has a listener told of invalidations from now on; called when the first entry is kept. */
  readonly watch?: (listener: WatchListener) => void;
}

/** A near cache. Its keys begin with the URL; on further lines stand the headers that tell its entries apart. */
export interface NearCache {
  /** The entry, while it is fresh, and nothing is known that outdates it, and that is known well enough. */
  get(key: string): NearEntry | undefined;
  /** The entry, also for a while after it has expired or was outdated softly: for when nobody can be asked. Whether it may be used is the caller's to judge. */
  getStale(key: string, staleMsMax: number): NearEntry | undefined;
  /** Keeps an entry, a copy of its body included, but for the fields that it says are for one caller; false when it is too large, has expired or was outdated already, or the cache is off. */
  set(key: string, entry: NearEntry): boolean;
  /** True when there was one. */
  delete(key: string): boolean;
  /** Removes every entry of a URL, whatever the case of its host, before the servers' log says so. */
  deleteUrl(url: string): void;
  /** Removes every entry that an invalidation names, before the servers' log says so. */
  deleteTarget(target: GenerationTarget): void;
  /** Removals of those two kinds so far. */
  readonly removals: number;
  /**
   * False when the key's URL may have been removed since there were that many removals: what was asked for then may be older than the
   * write that outdated it, and is neither to be kept nor to be shared with those who ask now.
   */
  isCurrent(key: string, removals: number): boolean;
  /** What is known of removals and invalidations now. */
  moment(): NearMoment;
  /**
   * Whether what was asked for at that moment may be given to who asks now: nothing was told since that may outdate it, and that is known as
   * well as for an entry. Of an invalidation the answer's tags are not known yet, so that each counts for every key.
   */
  holdsSince(key: string, moment: NearMoment): boolean;
  /** Hears of invalidations from now on, though nothing be kept. */
  listen(): void;
  clear(): void;
  /** Whether it hears of invalidations at this moment, and so uses entries for as long as they are fresh. */
  readonly isTold: boolean;
  readonly entries: number;
  readonly bytes: number;
}

/** A moment in what a near cache knows. */
export interface NearMoment {
  readonly removals: number;
  readonly toldOf: number;
  readonly atMs: number;
}

/** How long an entry of which nobody tells is used, in milliseconds: older servers know no Watch, and a direct answer has no server. */
const UNWATCHED_MS_MAX = 5000;

interface Held {
  readonly entry: NearEntry;
  readonly targets: EntryTargets;
  /** Where it was judged last; undefined when it never was. */
  generation: Generation | undefined;
}

/** What an entry costs beyond its texts and its body: objects, the list node, the map slot. */
const ENTRY_OVERHEAD_BYTES = 320;
const HEADER_OVERHEAD_BYTES = 64;

function entryBytes(key: string, { headers, body }: NearEntry): number {
  let bytes = ENTRY_OVERHEAD_BYTES + key.length + body.byteLength;
  for (const [name, value] of headers) bytes += HEADER_OVERHEAD_BYTES + name.length + value.length;
  return bytes;
}

/** The URL in a key, by which all entries that a write outdates are found. */
function urlIn(key: string): string {
  const [url = ''] = key.split('\n', 1);
  return comparableUrl(url);
}

/** By what invalidations may name an entry. */
function targetsOf(key: string, { headers, source }: NearEntry): EntryTargets {
  const [askedUrl = ''] = key.split('\n', 1);
  const tags = entryTags(headers);
  if (source === 'direct') return { url: askedUrl, tags };
  const [scope = ''] = source.key.split(':', 1);
  const { entryUrl = '' } = source;
  return { url: entryUrl === '' ? askedUrl : entryUrl, tags, key: source.key, scope: unescaped(scope) };
}

/** A part of a key as it was before it was escaped. */
function unescaped(part: string): string {
  const byte = (_all: string, digits: string): string => String.fromCharCode(Number.parseInt(digits, 16));
  return Buffer.from(part.replaceAll(/%([\dA-F]{2})/g, byte), 'latin1').toString();
}

/** See {@link NearCache}. */
class HeldResponses implements NearCache {
  readonly #now: () => number;
  readonly #entryBytesMax: number;
  readonly #view: NearView;
  readonly #removals = new RemovalLog();
  readonly #keysOfUrl = new Map<string, Set<string>>();
  readonly #held: LRUCache<string, Held>;
  #watch: NearCacheOptions['watch'];

  constructor({ bytesMax, entryBytesMax, now = Date.now, trustMs = 1000, watch }: NearCacheOptions) {
    this.#now = now;
    this.#entryBytesMax = Math.min(bytesMax, entryBytesMax);
    this.#view = new NearView(trustMs);
    this.#watch = watch;
    this.#held = new LRUCache({
      // lru-cache refuses a size of 0; a cache that is off is one that never takes an entry.
      maxSize: Math.max(1, bytesMax),
      dispose: (_held, key, reason) => {
        if (reason !== 'set') this.#forgetUrlOf(key);
      },
    });
  }

  get(key: string): NearEntry | undefined {
    const held = this.#held.get(key);
    return held !== undefined && this.#isUsable(held) ? held.entry : undefined;
  }

  getStale(key: string, staleMsMax: number): NearEntry | undefined {
    const held = this.#held.get(key);
    if (held === undefined) return undefined;
    if (this.#now() < held.entry.expiresAtMs + staleMsMax && this.#verdictOn(held) !== 'gone')
      return held.entry;
    this.#held.delete(key);
    return undefined;
  }

  set(key: string, entry: NearEntry): boolean {
    const size = entryBytes(key, entry);
    const generation = entry.source === 'direct' ? this.#view.position : entry.source.generation;
    const held = { entry: ownCopy(entry), targets: targetsOf(key, entry), generation };
    if (size <= this.#entryBytesMax) this.#beginWatch(generation);
    if (size > this.#entryBytesMax || entry.expiresAtMs <= this.#now() || this.#verdictOn(held) !== 'valid') {
      // What is newer and cannot be kept has still replaced what is older.
      this.#held.delete(key);
      return false;
    }
    this.#held.set(key, held, { size });
    const url = urlIn(key);
    this.#keysOfUrl.set(url, (this.#keysOfUrl.get(url) ?? new Set()).add(key));
    return true;
  }

  delete(key: string): boolean {
    return this.#held.delete(key);
  }

  deleteUrl(written: string): void {
    const url = comparableUrl(written);
    this.#removals.add(url);
    for (const key of this.#keysOfUrl.get(url) ?? []) this.#held.delete(key);
  }

  deleteTarget(target: GenerationTarget): void {
    if (target.kind === 'url') this.deleteUrl(target.value);
    this.#removals.addAll();
    const named = new GenerationView();
    named.add({ sequence: 1, target, mode: 'hard' });
    const isNamed = ({ targets }: Held): boolean => named.judge(targets, 0) !== 'valid';
    const keys = [...this.#held.entries()].filter(([, held]) => isNamed(held)).map(([key]) => key);
    for (const key of keys) this.#held.delete(key);
  }

  get removals(): number {
    return this.#removals.count;
  }

  isCurrent(key: string, removals: number): boolean {
    // Most often nothing was removed at all, and the key need not be taken apart.
    return this.removals === removals || this.#removals.lastOf(urlIn(key)) <= removals;
  }

  moment(): NearMoment {
    return { removals: this.removals, toldOf: this.#view.toldOf, atMs: performance.now() };
  }

  holdsSince(key: string, { removals, toldOf, atMs }: NearMoment): boolean {
    if (toldOf !== this.#view.toldOf || !this.isCurrent(key, removals)) return false;
    return this.#view.trusts(performance.now() - atMs);
  }

  listen(): void {
    this.#beginWatch(undefined);
  }

  clear(): void {
    this.#removals.addAll();
    this.#held.clear();
  }

  get isTold(): boolean {
    return this.#view.trusts(Number.POSITIVE_INFINITY);
  }

  get entries(): number {
    return this.#held.size;
  }

  get bytes(): number {
    return this.#held.calculatedSize;
  }

  #isUsable(held: Held): boolean {
    const { storedAtMs, expiresAtMs, source } = held.entry;
    const now = this.#now();
    if (now >= expiresAtMs || this.#verdictOn(held) !== 'valid') return false;
    const ageMs = now - storedAtMs;
    if (source === 'direct') return ageMs < UNWATCHED_MS_MAX;
    if (held.generation === undefined) return !this.#view.isWatched && ageMs < UNWATCHED_MS_MAX;
    return this.#view.trusts(ageMs);
  }

  #verdictOn(held: Held): Verdict {
    if (held.generation === undefined) return 'valid';
    const verdict = this.#view.judge(held.generation, held.targets);
    // What is valid here was as good as judged at the place up to which everything is known: the next time costs no look at its targets.
    if (verdict === 'valid') held.generation = this.#view.atLeast(held.generation);
    return verdict;
  }

  #beginWatch(generation: Generation | undefined): void {
    if (generation !== undefined) this.#view.begin(generation);
    this.#watch?.(this.#view);
    this.#watch = undefined;
  }

  #forgetUrlOf(key: string): void {
    const url = urlIn(key);
    const keys = this.#keysOfUrl.get(url);
    if (keys?.delete(key) === true && keys.size === 0) this.#keysOfUrl.delete(url);
  }
}

/** Copies: a body may be a view of a far larger receive buffer, and a source an answer with its body. */
function ownCopy({ headers, body, source, ...rest }: NearEntry): NearEntry {
  return {
    ...rest,
    headers: storedFields(headers),
    body: new Uint8Array(body),
    source: source === 'direct' ? source : ownSource(source),
  };
}

function ownSource({ key, generation, entryUrl = '' }: NearSource): NearSource {
  return { key, generation, entryUrl };
}

/** Makes a near cache; the entries used longest ago go first. */
export function createNearCache(options: NearCacheOptions): NearCache {
  return new HeldResponses(options);
}
