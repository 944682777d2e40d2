/**
 * While no cache server answers, this proxy's own callers still share: one upstream request for each near-cache key, followed by
 * everyone who asks while its body arrives. What may not be shared, or is too far ahead of a reader, is not waited for.
 */
import {
  appendVia,
  currentAgeMs,
  hasHeader,
  looksLikeCredential,
  mayStore,
  requestDirectives,
  sharedRequestHeaders,
  stateOf,
  storedFields,
  withoutHeaders,
} from '@pannier/http-semantics';
import type { CachePolicy, HeaderList, NotStorableReason, StoredHead } from '@pannier/http-semantics';
import { PannierError } from '@pannier/client/transport';
import type { LookupResponse, NearCache } from '@pannier/client/transport';
import { abortable } from '@pannier/runtime';
import type { DirectFetch, DirectResponse } from './direct-fetch.ts';
import type { FallbackSlots } from './fallback-slots.ts';
import { Followers } from './followers.ts';
import type { ProxiedRequest } from './proxied-request.ts';
import { flightKey, variesOnlyBy } from './same-response.ts';
import { fellBehind, SharedBody } from './shared-body.ts';
import type { SharedBodyLimits } from './shared-body.ts';
import type { UpstreamRoute } from './upstream-route.ts';

/** What following needs. */
export interface DirectFlightsOptions {
  readonly direct: DirectFetch;
  readonly slots: FallbackSlots;
  readonly pseudonym: string;
  readonly limits: SharedBodyLimits;
  readonly now: () => number;
}

/** Shares direct fetches. */
export interface DirectFlights {
  /**
   * The answer of a fetch that this request starts or joins, or `alone` when the upstream's answer may not be shared with it.
   *
   * @throws ProxyError when the upstream fails; the signal's reason
   */
  answer(asked: ProxiedRequest, place: DirectPlace, signal: AbortSignal): Promise<DirectAnswer | 'alone'>;
  /** Fetches under way. */
  readonly size: number;
}

/** What tells a fetch from others, and who knows of the writes that outdate it. */
export interface DirectPlace {
  readonly nearKey: string;
  readonly near: Pick<NearCache, 'removals' | 'isCurrent'>;
}

/** An answer and whether another request had asked first. */
export interface DirectAnswer {
  readonly response: LookupResponse;
  readonly collapsed: boolean;
}

/** Makes the table of direct flights. */
export function createDirectFlights(options: DirectFlightsOptions): DirectFlights {
  const byKey = new Map<string, DirectFlight>();
  return {
    get size() {
      return byKey.size;
    },
    async answer(asked, { nearKey, near }, signal) {
      // What comes back for somebody's credentials is nobody else's, and what came back without them may not be meant for them.
      if (asked.headers.some(([name]) => looksLikeCredential(name.toLowerCase()))) return 'alone';
      const key = flightKey(asked, nearKey);
      const current = byKey.get(key);
      // What began before a write is not for those who ask after it.
      const isJoinable = current?.takesIn(asked) === true && near.isCurrent(nearKey, current.removals);
      const joined = isJoinable ? current : undefined;
      const flight = joined ?? new DirectFlight(asked, { ...options, removals: near.removals });
      if (joined === undefined) {
        byKey.set(key, flight);
        const forget = (): void => {
          if (byKey.get(key) === flight) byKey.delete(key);
        };
        flight.done.then(forget, forget);
      }
      const response = await flight.follow(signal, joined === undefined);
      return response === undefined ? 'alone' : { response, collapsed: joined !== undefined };
    },
  };
}

type Head = Pick<DirectResponse, 'status' | 'headers'>;

/** How long after its head a response may be joined although it is not fresh, in milliseconds; a server lets it be joined as long. */
const JOINED_LATE_MS_MAX = 1000;

class DirectFlight {
  readonly #options: DirectFlightsOptions;
  /** How many removals the near cache had seen when it began. */
  readonly removals: number;
  readonly #controller = new AbortController();
  readonly #head: Promise<DirectResponse>;
  #requestTimeMs: number;
  #responseTimeMs = 0;
  /** Until when it answers who comes behind its head; others share what they waited for, and no more. */
  #joinedUntilMs = -Infinity;
  readonly #policy: CachePolicy;
  /** Settles when the last byte has come, or the flight has failed or was given up. */
  readonly done: Promise<unknown>;
  readonly #done = Promise.withResolvers<undefined>();
  #isShared: boolean | undefined;
  readonly #followers: Followers;
  #body: SharedBody | undefined;
  #error: unknown;

  constructor(
    { headers, httpVersion, route }: ProxiedRequest,
    { removals, ...options }: DirectFlightsOptions & { removals: number },
  ) {
    this.#options = options;
    this.#followers = new Followers(() => this.#giveUp());
    this.removals = removals;
    this.done = this.#done.promise;
    this.#requestTimeMs = options.now();
    const { keyed, sent: asked } = sharedRequestHeaders(headers, route.forwardHeaders, route.policy);
    const sent = appendVia([['host', route.authority], ...asked], options.pseudonym, httpVersion);
    this.#policy = route.policy;
    this.#head = this.#ask(route, sent);
    this.#head.then(
      (response) => {
        const now = options.now();
        this.#responseTimeMs = now;
        const judged = mayStore({ method: 'GET', headers: asked }, response, { policy: route.policy, now });
        if (judged.storable)
          this.#joinedUntilMs = now + Math.max(this.#freshForMs(response), JOINED_LATE_MS_MAX);
        // Only what is known to be for one reader is kept from the others: what cannot be reused later may still be shared now.
        const isForAll = judged.storable || isSharedNow(judged.reason, response.headers);
        this.#isShared =
          isForAll &&
          variesOnlyBy(
            response.headers,
            keyed.map(([name]) => name.toLowerCase()),
          );
        this.#body = new SharedBody(response.body, options.limits);
        void this.#body.done.then(() => this.#done.resolve(undefined));
      },
      (error: unknown) => this.#fail(error),
    );
  }

  /** When the upstream may be asked; the slot is taken until the flight is over. */
  async #ask(route: UpstreamRoute, sent: HeaderList): Promise<DirectResponse> {
    const { direct, slots, now } = this.#options;
    const { signal } = this.#controller;
    void this.done.then(await slots.take(route, signal));
    this.#requestTimeMs = now();
    return await direct.get(route, sent, signal);
  }

  /** Whether one more request would get the whole body, and may: https://www.rfc-editor.org/rfc/rfc9111#section-4 */
  takesIn({ headers, route }: ProxiedRequest): boolean {
    if (this.#isShared === false || this.#error !== undefined) return false;
    if (this.#body === undefined) return true;
    const wantsNew = requestDirectives(headers).forceRevalidate && !route.ignoreNoCache;
    return !wantsNew && this.#body.isJoinable && this.#options.now() < this.#joinedUntilMs;
  }

  /** Undefined when the answer belongs to another reader alone. */
  async follow(signal: AbortSignal, isFirst: boolean): Promise<LookupResponse | undefined> {
    const leave = this.#followers.join(signal);
    try {
      const head = await abortable(this.#head, signal);
      if (this.#isShared !== true && !isFirst) {
        leave();
        return undefined;
      }
      const headers = isFirst ? head.headers : storedFields(head.headers);
      return this.#response({ ...head, headers }, signal, leave);
    } catch (error) {
      leave();
      throw error;
    }
  }

  #response(
    { status, headers, bodyBytes }: DirectResponse,
    signal: AbortSignal,
    leave: () => void,
  ): LookupResponse {
    const { ageS } = stateOf(this.#stored({ status, headers }), this.#policy, this.#options.now());
    const read = (): AsyncIterable<Uint8Array> =>
      this.#body?.read({ signal, onBehind: fellBehind, onEnd: leave }) ?? fellBehind(0);
    return {
      kind: 'response',
      status,
      headers: [...withoutHeaders(headers, AGE), ['age', String(ageS)]],
      outcome: 'direct',
      key: '',
      version: '',
      freshForMs: this.#isShared === true ? this.#freshForMs({ status, headers }) : 0,
      bodyBytes,
      body: { kind: 'stream', read, cancel: leave },
    };
  }

  #stored({ status, headers }: Head): StoredHead {
    return { status, headers, requestTimeMs: this.#requestTimeMs, responseTimeMs: this.#responseTimeMs };
  }

  #freshForMs(head: Head): number {
    const now = this.#options.now();
    const stored = this.#stored(head);
    const { lifetimeS, fresh } = stateOf(stored, this.#policy, now);
    return fresh ? Math.max(0, lifetimeS * 1000 - currentAgeMs(stored, now)) : 0;
  }

  #fail(error: unknown): void {
    this.#error ??= error;
    this.#done.resolve(undefined);
  }

  /** The request to the upstream ends with its last follower. */
  #giveUp(): void {
    if (this.#body?.isWhole === true) return this.#body.release();
    this.#fail(new PannierError('cancelled', 'nobody waits for it any more'));
    this.#body?.release();
    this.#controller.abort(new DOMException('nobody waits for it any more', 'AbortError'));
  }
}

const AGE: ReadonlySet<string> = new Set(['age']);

/** Reasons against keeping a response that are none against giving it to those who ask at this moment. */
const SHARED_NOW: ReadonlySet<string> = new Set(['status', 'status-without-freshness', 'nothing-to-reuse']);

/** But for a cookie, which is for one reader even in an answer that a policy would let be stored. */
function isSharedNow(reason: NotStorableReason, headers: HeaderList): boolean {
  return SHARED_NOW.has(reason) && !hasHeader(headers, 'set-cookie') && !hasHeader(headers, 'set-cookie2');
}
