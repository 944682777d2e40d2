/** What the exchanges with the origin change in what the cache may hold. */
import type { Observation } from './observation.ts';
import { hasUnseen, shownBy, strongValidatorOf, together } from './parts-model.ts';
import type { Answer, Exchange } from './scripted-origin.ts';
import { isSelectedBy, isWorthKeeping, mayBeStored } from './stored-model.ts';
import type { Stored } from './stored-model.ts';
import { SELECTING } from './wire-head.ts';
import type { ResponseHead } from './wire-head.ts';

export type Full = Exclude<Answer, 'reset'>;

/** An answer of the origin and the whole response that it stands for, where it is one. */
export interface Source {
  readonly exchange: Exchange;
  readonly answer: Full;
  /** The answer itself, or what its 304 confirms. */
  readonly whole: Stored | undefined;
}

/** What is known after the exchanges of a request. */
export interface Learned {
  readonly held: Stored[];
  readonly sources: readonly Source[];
  /** Something came that is for one caller alone. */
  readonly unshared: boolean;
}

/**
 * @param given.keyed request fields that are part of the cache's key: a response under one key does not replace one under another
 * @param given.goesPast the request need not have met the cache: nothing that came of it is surely held
 */
export function learn(
  seen: Observation,
  given: {
    held: readonly Stored[];
    before: readonly Stored[];
    goesPast: boolean;
    keyed: readonly string[];
  },
): Learned {
  let held = [...given.held];
  const sources: Source[] = [];
  let unshared = false;
  for (const exchange of seen.exchanges) {
    const { answer } = exchange;
    if (answer === 'reset') continue;
    // What came a moment before, for the same request, is held, too.
    const known = [...given.before, ...held.filter((stored) => !given.held.includes(stored))];
    const wholes = wholesOf(exchange, answer, { known, held });
    sources.push(
      ...(wholes.length === 0 ? [undefined] : wholes).map((whole) => ({ exchange, answer, whole })),
    );
    if (exchange.method === 'HEAD') noteHead(held, { exchange, answer, ...given });
    else if (exchange.method !== 'GET') noteDeed(held, exchange, answer);
    else if (wholes.length === 0) doubtAll(held, exchange);
    for (const whole of exchange.method === 'GET' ? wholes : []) {
      const isShared = mayBeStored(whole) && whole.head.vary?.includes('*') !== true;
      // What is for one caller's credentials says nothing about the others.
      unshared ||= !isShared && !exchange.hasCredentials;
      const isLast = whole === wholes.at(-1) && !hasUnseen(whole.content);
      const isSure =
        isLast && isShared && isKeptFrom(seen, exchange, given.goesPast) && isWorthKeeping(whole);
      held = afterGet(held, whole, { isSure, keyed: given.keyed });
      // https://www.rfc-editor.org/rfc/rfc9111#section-3.3
      const isKnown = !hasUnseen(whole.content) || strongValidatorOf(whole.head) !== undefined;
      if (isShared && isKnown && seen.control['no-store'] === undefined) held.push(whole);
    }
  }
  return { held, sources, unshared };
}

/** https://www.rfc-editor.org/rfc/rfc5861#section-4 */
export function hasFailed({ answer }: Exchange): boolean {
  return answer === 'reset' || [500, 502, 503, 504].includes(answer.status);
}

/** The last answer counts: one before it was for a request that said something else, or confirmed nothing. */
function isKeptFrom(seen: Observation, exchange: Exchange, goesPast: boolean): boolean {
  // A part may be kept or not, and so may what comes instead of one.
  // An error need not take the place of anything better.
  if (exchange.asked.range !== undefined || hasFailed(exchange)) return false;
  return !goesPast && exchange === seen.exchanges.at(-1);
}

/**
 * What an answer to a GET is a whole response of, the likeliest last: a 304 confirms what is held, a part may belong to parts that are.
 * https://www.rfc-editor.org/rfc/rfc9111#section-4.3.4
 */
function wholesOf(
  exchange: Exchange,
  answer: Full,
  { known, held }: { known: readonly Stored[]; held: readonly Stored[] },
): Stored[] {
  const { method, path, selection, hasCredentials, requestTime, responseTime, asked } = exchange;
  if (method !== 'GET' || answer.status === 416) return [];
  const { serial, status, head, lines, content, part } = answer;
  const state = { isSure: false, staleFrom: undefined, mustBeValidated: false, purgedAt: undefined };
  const arrival = { path, serial, selection, hasCredentials, requestTime, responseTime, ...state };
  if (part !== undefined) {
    const alone = { ...arrival, status: 200, head, lines, content: shownBy(content, part) };
    return [
      alone,
      ...held.filter((stored) => isPartOfSame(stored, alone)).map((stored) => joined(stored, alone)),
    ];
  }
  if (status !== 304) return [{ ...arrival, status, head, lines, content }];
  const confirmed = known.filter(
    (stored) =>
      isSelectedBy(stored.head.vary, stored.selection, selection) && isConfirmedBy(stored, asked, head),
  );
  // A whole one before parts, if there is one.
  const inOrder = confirmed.toSorted(
    (one, other) => Number(hasUnseen(other.content)) - Number(hasUnseen(one.content)),
  );
  return inOrder.map((stored) =>
    joined(stored, { ...arrival, status: stored.status, head, lines, content: stored.content }),
  );
}

function isPartOfSame(stored: Stored, part: Stored): boolean {
  const validator = strongValidatorOf(part.head);
  if (stored.path !== part.path || stored.status !== 200 || stored.purgedAt !== undefined) return false;
  if (!isSelectedBy(stored.head.vary, stored.selection, part.selection)) return false;
  return (
    validator !== undefined &&
    validator === strongValidatorOf(stored.head) &&
    stored.content.length === part.content.length
  );
}

/** The fields of the later one count: https://www.rfc-editor.org/rfc/rfc9111#section-3.2 */
function joined(stored: Stored, later: Stored): Stored {
  return {
    ...later,
    content: together(later.content, stored.content),
    hasCredentials: later.hasCredentials || stored.hasCredentials,
    head: { ...freshened(stored.head, later.head), ...keptTag(stored, later.head) },
    lines: { ...stored.lines, ...later.lines, ...keptTag(stored, later.head) },
  };
}

/** A weak tag stays: that of the 304 would claim more of the stored bytes than the origin said when it sent them. */
function keptTag({ head: { etag } }: Stored, later: ResponseHead): { etag?: string } {
  return etag?.startsWith('W/') && later.etag !== undefined ? { etag } : {};
}

/** Whether the conditions were those of the stored response, and the 304 speaks of it. */
function isConfirmedBy(stored: Stored, asked: Exchange['asked'], head: ResponseHead): boolean {
  const { etag, lastModified } = stored.head;
  if (asked['if-none-match'] !== etag) return false;
  if (asked['if-modified-since'] !== undefined && lastModified !== Date.parse(asked['if-modified-since']))
    return false;
  if (head.etag !== undefined && etag !== undefined) return opaque(head.etag) === opaque(etag);
  // A strong tag that nothing stored has confirms nothing.
  return head.etag === undefined || head.etag.startsWith('W/');
}

function opaque(tag: string): string {
  return tag.replace(/^W\//, '');
}

/** Fields that the later head has replace those stored; age starts anew. */
function freshened(stored: ResponseHead, later: ResponseHead): ResponseHead {
  return {
    control: later.control ?? stored.control,
    expires: later.expires ?? stored.expires,
    date: later.date,
    ageS: later.ageS,
    etag: later.etag ?? stored.etag,
    lastModified: later.lastModified ?? stored.lastModified,
    vary: later.vary ?? stored.vary,
  };
}

/** A newer response stands for what was held for the same request; by what others vary nobody need remember. */
function afterGet(
  held: readonly Stored[],
  whole: Stored,
  { isSure, keyed }: { isSure: boolean; keyed: readonly string[] },
): Stored[] {
  whole.isSure = isSure;
  return held.filter((stored) => {
    if (stored.path !== whole.path) return true;
    const isOfKey = isSelectedBy(keyed, stored.selection, whole.selection);
    const isSame = isOfKey && isSelectedBy(stored.head.vary, stored.selection, whole.selection);
    const sameVary = String(stored.head.vary) === String(whole.head.vary);
    if (isSame || !sameVary) stored.isSure = false;
    const sameRequest = isSelectedBy([...SELECTING], stored.selection, whole.selection);
    return !(isSure && isSame && (sameRequest || sameVary));
  });
}

function doubtAll(held: readonly Stored[], { path }: Exchange): void {
  for (const stored of held) if (stored.path === path) stored.isSure = false;
}

/** https://www.rfc-editor.org/rfc/rfc9111#section-4.3.5 */
function noteHead(
  held: Stored[],
  given: { exchange: Exchange; answer: Full; goesPast: boolean; keyed: readonly string[] },
): void {
  const { exchange, answer, goesPast, keyed } = given;
  const { path, selection, requestTime, responseTime } = exchange;
  const updated: Stored[] = [];
  for (const stored of held) {
    if (stored.path !== path || !isSelectedBy(keyed, stored.selection, selection)) continue;
    if (!isSelectedBy(stored.head.vary, stored.selection, selection)) continue;
    stored.isSure = false;
    // Nobody chooses parts for a HEAD.
    if (hasUnseen(stored.content)) continue;
    // What varies by more now is another representation.
    if (!isSelectedBy(answer.head.vary, stored.selection, selection)) continue;
    if (answer.status !== 200 || stored.status !== 200) continue;
    if (!repeats(stored, answer)) {
      if (!goesPast) stored.staleFrom ??= responseTime;
    } else {
      const kept = keptTag(stored, answer.head);
      const head = { ...freshened(stored.head, answer.head), ...kept };
      const lines = { ...stored.lines, ...answer.lines, ...kept };
      updated.push({
        ...stored,
        serial: answer.serial,
        head,
        lines,
        requestTime,
        responseTime,
        staleFrom: undefined,
        mustBeValidated: false,
      });
    }
  }
  held.push(...updated.filter(mayBeStored));
}

function repeats(stored: Stored, { head, content }: Full): boolean {
  const { etag, lastModified } = stored.head;
  if (head.etag !== undefined && opaque(head.etag) !== opaque(etag ?? '')) return false;
  if (head.lastModified !== undefined && head.lastModified !== lastModified) return false;
  return content.length === stored.content.length;
}

/** https://www.rfc-editor.org/rfc/rfc9111#section-4.4 */
function noteDeed(held: readonly Stored[], { path }: Exchange, { status, invalidates }: Full): void {
  if (status < 200 || status > 399) return;
  for (const stored of held) {
    if (stored.path !== path && !invalidates.some((url) => isPathOf(url, stored.path))) continue;
    stored.isSure = false;
    stored.mustBeValidated = true;
  }
}

function isPathOf(reference: string, path: string): boolean {
  const url = URL.parse(reference, 'http://origin.invalid');
  return url?.hostname !== 'elsewhere.invalid' && url?.pathname === path;
}
