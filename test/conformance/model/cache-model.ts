/** The model: what the cache may hold, as far as the requests so far tell, and whether an answer is one of those that it may give. */
import { judgeExchanges, judgeResponse } from './judgement.ts';
import { hasFailed, learn } from './learning.ts';
import type { Observation } from './observation.ts';
import { isSelectedBy, shouldBeReused } from './stored-model.ts';
import type { Stored } from './stored-model.ts';
import { SELECTING } from './wire-head.ts';

/** How long a key may count as uncacheable after a response that was for one caller alone, in milliseconds. */
const UNCACHEABLE_MS = 30_000;
/** How long an origin that failed may count as failing without being asked, in milliseconds. */
const FAILING_MS = 3000;
/** How long a purge by an operator may take to reach a proxy's own small cache, in milliseconds. */
const NEAR_MS = 5000;
/** How long what is stale is kept at least, in milliseconds. */
const KEPT_MS = 3_600_000;

/** The model of one sequence. */
export class CacheModel {
  #held: Stored[] = [];
  readonly #keyed: readonly string[];
  /** Request fields that responses of a path have varied by; they may stay part of its key. */
  readonly #varied = new Map<string, readonly string[]>();
  readonly #failedAt = new Map<string, number>();
  readonly #unsharedAt = new Map<string, number>();

  /** @param keyed request fields by which the cache tells requests apart whatever the responses vary by */
  constructor(keyed: readonly string[]) {
    this.#keyed = keyed;
  }

  /** Learns from one request. @returns what about it no cache may do, or this one should have done better */
  judge(seen: Observation): string[] {
    const { path, sentAt, asking, control } = seen;
    const before = this.#held.filter((stored) => stored.path === path && !isPurged(stored, sentAt));
    const isRead = asking.method === 'GET' || asking.method === 'HEAD';
    const goesPast =
      !isRead ||
      control['no-store'] !== undefined ||
      seen.hasCredentials ||
      sentAt <= (this.#unsharedAt.get(path) ?? -Infinity) + UNCACHEABLE_MS;
    const sure = goesPast ? undefined : before.findLast((stored) => isSureOf(stored, seen));
    const { held, sources, unshared } = learn(seen, {
      held: this.#held,
      before,
      goesPast,
      keyed: [...this.#keyed, ...(this.#varied.get(path) ?? [])],
    });
    const wholes = sources.flatMap(({ whole }) => (whole === undefined ? [] : [whole]));
    const complaints = judgeExchanges(seen, [...before, ...wholes]);
    if (sure !== undefined) complaints.push(...wasteOf(sure, seen));
    const named = sources.flatMap(({ answer }) => answer.head.vary ?? []).filter((name) => name !== '*');
    this.#varied.set(path, [...(this.#varied.get(path) ?? []), ...named]);
    const failedLately = sentAt <= (this.#failedAt.get(path) ?? -Infinity) + FAILING_MS;
    complaints.push(...judgeResponse(seen, { before, sources, failedLately }));
    this.#held = held;
    if (unshared) this.#unsharedAt.set(path, seen.answeredAt);
    if (seen.exchanges.some(hasFailed)) this.#failedAt.set(path, seen.answeredAt);
    return complaints;
  }

  /** An operator had the cache forget a path. */
  purge(path: string, now: number): void {
    for (const stored of this.#held) {
      if (stored.path !== path) continue;
      stored.isSure = false;
      stored.purgedAt ??= now;
    }
  }
}

function isPurged({ purgedAt }: Stored, now: number): boolean {
  return purgedAt !== undefined && now >= purgedAt + NEAR_MS;
}

/** Held for certain, and for requests that say exactly the same. */
function isSureOf(stored: Stored, { selection, sentAt }: Observation): boolean {
  if (!stored.isSure || sentAt >= stored.responseTime + KEPT_MS) return false;
  return isSelectedBy([...SELECTING], stored.selection, selection);
}

/** Where the origin was asked for what is held, or for more than is needed. */
function wasteOf(stored: Stored, { control, sentAt, exchanges, asking }: Observation): string[] {
  const [first] = exchanges;
  if (first === undefined) return [];
  if (shouldBeReused(stored, control, sentAt))
    return [`asked the origin although ${stored.serial} is held, fresh and good for the request`];
  const { etag, lastModified } = stored.head;
  const canBeConfirmed = stored.status < 300 && (etag ?? lastModified) !== undefined;
  const asked = first.asked['if-none-match'] ?? first.asked['if-modified-since'];
  if (asking.method === 'GET' && canBeConfirmed && asked === undefined)
    return [`fetched anew although ${stored.serial} is held and could have been confirmed`];
  return [];
}
