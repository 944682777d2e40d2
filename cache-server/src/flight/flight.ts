/**
 * One upstream fetch in progress and everyone who follows it. It belongs to no client: it ends when its work is done, or when
 * nobody follows it any more and finishing it alone is not worth it.
 */
import type { Generation } from '@pannier/proto/generation';
import { abortable } from '@pannier/runtime';
import type { EntryKey } from '../entry/entry-key.ts';
import { CacheServerError } from '../errors.ts';
import type { FlightBody } from './flight-body.ts';

/** Bytes that a flight may still fetch when nobody follows it any more, so that the work done is not lost. */
const ALONE_BYTES_MAX = 32 * 1024 * 1024;

/** A flight; `H` is what its followers learn when the head has arrived. */
export class Flight<H> {
  readonly key: EntryKey;
  /** Where what it brings will be found; another key when the response turns out to vary. */
  publishesAs: EntryKey;
  /** Names the content that it brings; one that follows another server's flight brings that one's. */
  version: string;
  /** Whether another server leads it, who goes on without this one. */
  isFollowing = false;
  /** The invalidations that were known before its upstream was asked; undefined before that. */
  captured: { readonly generation: Generation; readonly atMs: number } | undefined;
  /** What its upstream's version endpoint said before it was asked; undefined where there is none, or it could not be read. */
  told: string | undefined;
  /** What its response is called by, once its head is known. */
  tags: readonly string[] = [];
  readonly #head = Promise.withResolvers<H>();
  readonly #ended = Promise.withResolvers<void>();
  readonly #controller = new AbortController();
  #settled: H | undefined;
  #body: FlightBody | undefined;
  #isShared = true;
  #waiters = 0;
  #aloneBytes = 0;
  #isOver = false;

  constructor(key: EntryKey, version: string) {
    this.key = key;
    this.publishesAs = key;
    this.version = version;
    // Followers may all have left when it rejects.
    this.#head.promise.catch(() => undefined);
  }

  /** Aborted when the flight is to end early; its reason is a CacheServerError. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** Settled when its work is done, publishing included, however that went. */
  get ended(): Promise<void> {
    return this.#ended.promise;
  }

  /** Requests that wait for the head, and readers of the body. */
  get followers(): number {
    return this.#waiters + (this.#body?.places.count ?? 0);
  }

  /**
   * Whether one more request would get everything from the first byte.
   *
   * @param accepts whether the request is content with a head that arrived before it was made
   */
  isJoinable(accepts: (head: H) => boolean): boolean {
    if (this.signal.aborted || this.#isOver) return false;
    if (this.#settled !== undefined && !accepts(this.#settled)) return false;
    return this.#body === undefined || this.sharedBody !== undefined;
  }

  /** The body, if anyone may still read it from the start. */
  get sharedBody(): FlightBody | undefined {
    return this.#isShared && this.#body?.isReadableFromStart === true ? this.#body : undefined;
  }

  /** What the followers learn first. */
  settle(head: H): void {
    this.#settled = head;
    this.#head.resolve(head);
  }

  /** Gives the flight its body, before {@link settle}; one that is not shared is for one reader only. */
  attach(body: FlightBody, isShared: boolean): void {
    this.#body = body;
    this.#isShared = isShared;
  }

  /** A request begins to wait. Every call is paired with {@link leave}. */
  join(): void {
    this.#waiters += 1;
    this.#aloneBytes = 0;
  }

  leave(): void {
    this.#waiters -= 1;
    this.checkFollowers();
  }

  /** Waits for the head, as long as the signal allows. */
  async head(signal: AbortSignal): Promise<H> {
    return await abortable(this.#head.promise, signal);
  }

  /** Counts what arrived, since a flight that nobody follows may only take so much more. */
  arrived(bytes: number): void {
    if (this.followers > 0) return;
    this.#aloneBytes += bytes;
    this.checkFollowers();
  }

  /** Called whenever a follower left: ends the flight if it should not go on alone. */
  checkFollowers(): void {
    if (this.followers > 0) return;
    if (this.#isOver) this.#body?.dispose();
    else if (!this.#mayGoOnAlone())
      this.abort(new CacheServerError('cancelled', 'nobody waits for it any more'));
  }

  /** Ends the flight early. */
  abort(reason: CacheServerError): void {
    this.#controller.abort(reason);
  }

  /** The work is done, or has failed with this error. Readers of the body go on; nobody joins any more. */
  end(error?: unknown): void {
    this.#isOver = true;
    this.#ended.resolve();
    if (error !== undefined) {
      this.#head.reject(error);
      this.#body?.fail(error);
      // Whatever failed, the exchange with the upstream ends with it.
      this.#controller.abort(error);
    }
    if (this.followers === 0) this.#body?.dispose();
  }

  /** Only what is proved storable, and then only a bounded rest. */
  #mayGoOnAlone(): boolean {
    const body = this.#body;
    if (this.isFollowing) return body?.isWhole === true;
    if (body === undefined || !body.storing) return false;
    const knownRest = (body.bodyBytes ?? body.arrivedBytes) - body.arrivedBytes;
    return body.isWhole || this.#aloneBytes + knownRest <= ALONE_BYTES_MAX;
  }
}
