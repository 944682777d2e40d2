/**
 * A proxy asks a cache server once for what many of its clients ask at the same time: who asks while an equal lookup is under way gets its
 * answer and follows its body, where the server lets anybody have it. Otherwise each asks by itself.
 */
import { getHeader, looksLikeCredential, storedFields, withoutHeaders } from '@pannier/http-semantics';
import type { HeaderList } from '@pannier/http-semantics';
import type {
  LookupAnswer,
  LookupResponse,
  NearCache,
  NearMoment,
  Transport,
} from '@pannier/client/transport';
import { abortable } from '@pannier/runtime';
import { BypassMemory } from './bypass-memory.ts';
import { Followers } from './followers.ts';
import { LastMade } from './last-made.ts';
import type { ProxiedRequest } from './proxied-request.ts';
import { flightKey, variesOnlyBy } from './same-response.ts';
import { fellBehind, SharedBody } from './shared-body.ts';
import type { SharedBodyLimits } from './shared-body.ts';

/** What sharing needs. */
export interface LookupFlightsOptions {
  readonly transport: Pick<Transport, 'lookup'>;
  readonly near: Pick<NearCache, 'listen' | 'moment' | 'holdsSince'>;
  readonly limits: SharedBodyLimits;
  readonly now: () => number;
}

/** What is known of a request: its key in the near cache, the headers in that key, and whether it asks for the whole without bounds of its own. */
export interface LookupPlace {
  readonly nearKey: string;
  readonly keyedNames: readonly string[];
  readonly mayUseNear: boolean;
}

/** An answer, and whether it is that to another request. */
export interface SharedLookup {
  readonly answer: LookupAnswer;
  readonly collapsed: boolean;
}

/** Shares lookups. */
export interface LookupFlights {
  /**
   * Asks, or waits for one who asks the same.
   *
   * @throws what `Transport.lookup` throws; the signal's reason
   */
  answer(asked: ProxiedRequest, place: LookupPlace, signal: AbortSignal): Promise<SharedLookup>;
  /** Shared lookups under way, bodies included. */
  readonly size: number;
}

/** How long it is remembered that an answer was for one client alone, so that the next do not wait for each other. */
const ALONE_MS = 30_000;
/** What makes answers to the same URL differ beside what is in its key. */
const CONDITIONS: ReadonlySet<string> = new Set([
  'if-none-match',
  'if-modified-since',
  'if-match',
  'if-unmodified-since',
  'if-range',
]);
/** By which a request sets bounds of its own. */
const BOUNDS: ReadonlySet<string> = new Set(['cache-control', 'pragma']);
const AGE: ReadonlySet<string> = new Set(['age']);

/** Makes the table of lookups under way. */
export function createLookupFlights(options: LookupFlightsOptions): LookupFlights {
  const { transport, near, now } = options;
  const byKey = new Map<string, LookupFlight>();
  const alone = new BypassMemory(now);
  const begin = (key: string, asked: ProxiedRequest, place: LookupPlace): LookupFlight => {
    near.listen();
    const flight = new LookupFlight(asked, place, options);
    byKey.set(key, flight);
    void flight.done.then(() => {
      if (byKey.get(key) === flight) byKey.delete(key);
      if (flight.isForOne) alone.remember(key, 'alone', ALONE_MS);
    });
    return flight;
  };
  return {
    get size() {
      return byKey.size;
    },
    async answer(asked, place, signal) {
      const key = lookupKey(asked, place);
      const current = key === undefined ? undefined : byKey.get(key);
      const isJoinable = current?.isJoinable === true && near.holdsSince(place.nearKey, current.askedAt);
      const joined = isJoinable ? current : undefined;
      if (key !== undefined && (joined !== undefined || alone.recall(key) === undefined)) {
        const flight = joined ?? begin(key, asked, place);
        const answer = await flight.follow(signal, joined === undefined);
        if (answer !== undefined) return { answer, collapsed: joined !== undefined };
      }
      return { answer: await transport.lookup(asked, { signal }), collapsed: false };
    },
  };
}

/** What equal requests have in common; undefined for one that nobody shares. */
function lookupKey(asked: ProxiedRequest, { nearKey, mayUseNear }: LookupPlace): string | undefined {
  if (!mayUseNear) return undefined;
  const conditions: string[] = [];
  for (const [name, value] of asked.headers) {
    const lower = name.toLowerCase();
    if (BOUNDS.has(lower) || looksLikeCredential(lower)) return undefined;
    if (CONDITIONS.has(lower)) conditions.push(`${lower}: ${value}`);
  }
  const key = flightKey(asked, nearKey);
  return conditions.length === 0 ? key : JSON.stringify([key, conditions]);
}

class LookupFlight {
  readonly #options: LookupFlightsOptions;
  /** What the near cache knew of invalidations when it began. */
  readonly askedAt: NearMoment;
  readonly #controller = new AbortController();
  readonly #followers: Followers;
  readonly #answer: Promise<LookupAnswer>;
  readonly #done = Promise.withResolvers<undefined>();
  #body: SharedBody | undefined;
  #answeredAtMs = 0;
  #freshForMs = 0;
  #isShared = false;
  #isForOne = false;
  #isOver = false;

  constructor(asked: ProxiedRequest, { keyedNames }: LookupPlace, options: LookupFlightsOptions) {
    const { transport, near, limits, now } = options;
    this.#options = options;
    this.askedAt = near.moment();
    this.#followers = new Followers(() => this.#giveUp());
    const { signal } = this.#controller;
    this.#answer = transport.lookup(asked, { signal }).then((answer) => {
      this.#answeredAtMs = now();
      this.#isShared = isForAll(answer, keyedNames);
      this.#isForOne = !this.#isShared && isForOne(answer);
      if (!this.#isShared || answer.kind === 'bypass' || answer.body.kind === 'whole') this.#end();
      else {
        this.#freshForMs = answer.freshForMs;
        this.#body = new SharedBody(answer.body.read(signal), limits);
        void this.#body.done.then(() => this.#end());
      }
      return answer;
    });
    this.#answer.catch(() => this.#end());
  }

  /** Settles when nobody can join any more. Never rejects. */
  get done(): Promise<unknown> {
    return this.#done.promise;
  }

  /** Whether the next answer to the same will be for one client alone too, as far as this one tells. */
  get isForOne(): boolean {
    return this.#isForOne;
  }

  get isJoinable(): boolean {
    if (this.#isOver || this.#body === undefined) return !this.#isOver;
    return this.#body.isJoinable && this.#options.now() - this.#answeredAtMs < this.#freshForMs;
  }

  /** Undefined when the answer belongs to another client alone. */
  async follow(signal: AbortSignal, isFirst: boolean): Promise<LookupAnswer | undefined> {
    const leave = this.#followers.join(signal);
    try {
      const answer = await abortable(this.#answer, signal);
      if (this.#isShared && answer.kind === 'response')
        return this.#response(answer, { signal, leave, isFirst });
      leave();
      return isFirst ? answer : undefined;
    } catch (error) {
      leave();
      throw error;
    }
  }

  #response(
    answer: LookupResponse,
    { signal, leave, isFirst }: { signal: AbortSignal; leave: () => void; isFirst: boolean },
  ): LookupResponse {
    const response = isFirst ? answer : this.#later(answer);
    const body = this.#body;
    const { body: own } = answer;
    if (body === undefined || own.kind === 'whole') {
      leave();
      return response;
    }
    const read = (): AsyncIterable<Uint8Array> =>
      body.read({
        signal,
        onEnd: leave,
        onBehind: (offset) => own.readFrom?.(offset, signal) ?? fellBehind(offset),
      });
    return { ...response, body: { kind: 'stream', read, cancel: leave } };
  }

  /** The answer as it stands by now, for another one than it was given to. */
  #later(answer: LookupResponse): LookupResponse {
    const waitedMs = Math.max(0, this.#options.now() - this.#answeredAtMs);
    const waitedS = Math.floor(waitedMs / 1000);
    const headers = agedHeads.of(answer.headers, waitedS, () => agedBy(waitedS, answer.headers));
    return { ...answer, headers, freshForMs: Math.max(0, answer.freshForMs - waitedMs) };
  }

  #end(): void {
    this.#isOver = true;
    this.#done.resolve(undefined);
  }

  #giveUp(): void {
    this.#body?.release();
    // Most often the last has read all there was.
    if (this.#isOver) return;
    this.#end();
    this.#controller.abort(new DOMException('nobody waits for it any more', 'AbortError'));
  }
}

const agedHeads = new LastMade<HeaderList, number, HeaderList>();

/** What is for everybody of a head, so many seconds later. */
function agedBy(waitedS: number, head: HeaderList): HeaderList {
  const headers = storedFields(head);
  const age = getHeader(head, 'age');
  if (age === undefined) return headers;
  return [...withoutHeaders(headers, AGE), ['age', String(Number(age) + waitedS)]];
}

function isForAll(answer: LookupAnswer, keyedNames: readonly string[]): boolean {
  return answer.kind === 'response' && answer.freshForMs > 0 && variesOnlyBy(answer.headers, keyedNames);
}

/** But for failures and what is stale for now: the next answer may be for all again. */
function isForOne(answer: LookupAnswer): boolean {
  if (answer.kind === 'bypass') return true;
  return answer.status < 400 && !answer.outcome.startsWith('stale') && answer.outcome !== 'alone';
}
