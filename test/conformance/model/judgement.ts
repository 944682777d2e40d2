/** Whether what was asked and answered is among what RFC 9111 allows. */
import { hasFailed } from './learning.ts';
import type { Source } from './learning.ts';
import type { Observation, SeenResponse } from './observation.ts';
import { hasUnseen, readable } from './parts-model.ts';
import { presented } from './presented.ts';
import type { Presented } from './presented.ts';
import { ASKING, SHOWN } from './scripted-origin.ts';
import type { Exchange } from './scripted-origin.ts';
import { ageOf, isSelectedBy, mayBeRenewedBehind, mayBeReused, mayBeUsedOnError } from './stored-model.ts';
import type { Stored } from './stored-model.ts';
import { SELECTING, httpDate } from './wire-head.ts';

/** One that confirms nothing, one that was not for this request, and the one for the answer. */
const EXCHANGES_MAX = 3;
/** Of a part: and one behind the answer, for the whole. */
const PART_EXCHANGES_MAX = 4;

/** What was wrong with the questions to the origin. */
export function judgeExchanges(seen: Observation, before: readonly Stored[]): string[] {
  const { asking, control } = seen;
  const answered = seen.exchanges.filter(({ answer }) => answer !== 'reset');
  const complaints: string[] = [];
  const exchangesMax = asking.range === undefined ? EXCHANGES_MAX : PART_EXCHANGES_MAX;
  if (answered.length > exchangesMax) complaints.push(`asked the origin ${answered.length} times`);
  const isRenewed = before.some((stored) => mayBeRenewedBehind(stored, control, seen.sentAt));
  if (control['only-if-cached'] && answered.length > 0 && !isRenewed)
    complaints.push('asked the origin although forbidden');
  for (const exchange of answered) {
    // What is stale may be renewed behind the answer to a HEAD, and then whole.
    const isRefresh = asking.method === 'HEAD' && exchange.method === 'GET' && isRenewed;
    if (exchange.method !== asking.method && !isRefresh)
      complaints.push(`asked the origin with ${exchange.method}`);
    const isClients = ASKING.every((name) => exchange.asked[name] === asking[name]);
    if (isClients || hasNoConditions(exchange)) continue;
    if (isForPart(exchange, asking)) continue;
    if (!before.some((stored) => stored.purgedAt === undefined && isAskedOf(stored, exchange, asking)))
      complaints.push(`asked with conditions of nothing that is held: ${JSON.stringify(exchange.asked)}`);
  }
  const isUnsafe = asking.method !== 'GET' && asking.method !== 'HEAD';
  if (isUnsafe && seen.exchanges.length !== 1)
    complaints.push(`sent an unsafe request ${seen.exchanges.length} times`);
  return complaints;
}

function hasNoConditions({ asked }: Exchange): boolean {
  return ASKING.every((name) => asked[name] === undefined);
}

/** For the one part that the client asks for, whatever else it asks by. */
function isForPart({ asked }: Exchange, asking: Observation['asking']): boolean {
  const isBare = ASKING.every((name) => name === 'range' || asked[name] === undefined);
  return isBare && asked.range === asking.range;
}

/** Both validators, where there are both: https://www.rfc-editor.org/rfc/rfc9111#section-4.3.1 */
function isAskedOf({ head, content }: Stored, { asked }: Exchange, asking: Observation['asking']): boolean {
  const since = head.lastModified === undefined ? undefined : httpDate(head.lastModified);
  // The rest of parts: https://www.rfc-editor.org/rfc/rfc9110#section-13.1.5
  if (asked['if-range'] !== undefined)
    return hasUnseen(content) && (asked['if-range'] === head.etag || asked['if-range'] === since);
  if (asked.range !== undefined && asked.range !== asking.range) return false;
  return asked['if-none-match'] === head.etag && asked['if-modified-since'] === since;
}

/** What was wrong with the answer. */
export function judgeResponse(
  seen: Observation,
  known: { before: readonly Stored[]; sources: readonly Source[]; failedLately: boolean },
): string[] {
  const { before, sources, failedLately } = known;
  const { response, control, exchanges } = seen;
  const wasReset = exchanges.some(({ answer }) => answer === 'reset');
  if (response === 'broken') return ['the connection broke'];
  const serial = serialOf(seen, response);
  if (serial === undefined) {
    const isTold = response.status === 502 || response.status === 504;
    if (wasReset && isTold) return [];
    if (control['only-if-cached'] && response.status === 504) return [];
    return [`an answer of its own: ${response.status} ${response.body}`];
  }
  const isIt = (one: { readonly serial: string }): boolean => one.serial === serial;
  const found = [
    ...sources.filter(({ answer }) => isIt(answer)).map((source) => fromOrigin(seen, response, source)),
    ...before.filter(isIt).map((stored) => fromStore(seen, response, { stored, failedLately })),
  ];
  return fewest(found) ?? [`an answer from ${serial}, which may not be held`];
}

function fewest(complaints: readonly string[][]): string[] | undefined {
  return complaints.toSorted((a, b) => a.length - b.length)[0];
}

function serialOf({ asking }: Observation, { fields }: SeenResponse): string | undefined {
  return fields[isReading({ asking }) ? 'content-location' : 'x-serial'];
}

/** The origin's answer as it came, or the whole response that it stands for as the client asked for it. */
function fromOrigin(
  seen: Observation,
  response: SeenResponse,
  { exchange, answer, whole }: Source,
): string[] {
  const asIs = { status: answer.status, body: seen.asking.method === 'HEAD' ? '' : answer.content };
  const isClients = ASKING.every((name) => exchange.asked[name] === seen.asking[name]);
  const isSame = isClients || seen.asking.method === 'HEAD' || !isReading(seen);
  const allowed: Allowed[] = [
    ...(isSame ? [{ ...asIs, lines: answer.lines }] : []),
    ...(whole === undefined ? [] : [{ ...presented(whole, seen.asking), lines: whole.lines }]),
    ...(seen.asking.method === 'HEAD'
      ? [{ ...presented({ ...exchange, ...answer }, seen.asking), lines: answer.lines }]
      : []),
  ];
  const complaints = differences(response, allowed);
  const vary = whole?.head.vary ?? answer.head.vary;
  // A `*` may mean any of them: https://www.rfc-editor.org/rfc/rfc9110#section-12.5.5
  const names = vary?.includes('*') ? SELECTING : vary;
  if (isReading(seen) && !isSelectedBy(names, exchange.selection, seen.selection))
    complaints.push('an answer to a request that said something else');
  // What is asked behind the answer takes its time, too.
  const times = [exchange.responseTime, seen.answeredAt];
  const ages = times.map((now) => wholeSeconds(ageOf({ ...exchange, head: answer.head }, now)));
  return [...complaints, ...wrongAge(response, [...ages, answer.head.ageS, undefined])];
}

function isReading({ asking }: Pick<Observation, 'asking'>): boolean {
  return asking.method === 'GET' || asking.method === 'HEAD';
}

/** https://www.rfc-editor.org/rfc/rfc9111#section-4 */
function fromStore(
  seen: Observation,
  response: SeenResponse,
  { stored, failedLately }: { stored: Stored; failedLately: boolean },
): string[] {
  const { control, sentAt, exchanges, selection } = seen;
  const complaints = differences(response, [{ ...presented(stored, seen.asking), lines: stored.lines }]);
  if (!isReading(seen)) complaints.push('an unsafe request was answered from the store');
  if (!isSelectedBy(stored.head.vary, stored.selection, selection))
    complaints.push(`what varies by ${String(stored.head.vary)} was given to another request`);
  const isFailing = exchanges.length === 0 ? failedLately : exchanges.every(hasFailed);
  const use = mayBeReused(stored, control, sentAt);
  const mayStandIn = isFailing && mayBeUsedOnError(stored, control, seen.answeredAt);
  if (use === undefined && !mayStandIn)
    complaints.push(`${stored.serial} may not be used without the origin's word`);
  else if (!mayStandIn && !mayBeRenewedBehind(stored, control, sentAt) && exchanges.length > 0)
    complaints.push(`asked the origin, and answered from ${stored.serial} none the less`);
  const ages = [sentAt, seen.answeredAt].map((now) => wholeSeconds(ageOf(stored, now)));
  return [...complaints, ...wrongAge(response, ages)];
}

function wholeSeconds(ms: number): number {
  return Math.floor(ms / 1000);
}

function wrongAge({ fields }: SeenResponse, ages: readonly (number | undefined)[]): string[] {
  const age = fields['age'] === undefined ? undefined : Number(fields['age']);
  return ages.includes(age) ? [] : [`Age ${String(age)} instead of ${ages.join(' or ')}`];
}

/** An answer that may be given, and the fields that it must show. */
type Allowed = Presented & { readonly lines: Readonly<Record<string, string>> };

/** Where status, body or fields differ from the nearest of what is allowed. */
function differences(response: SeenResponse, allowed: readonly Allowed[]): string[] {
  return (
    fewest(allowed.map((one) => differencesFrom(response, one))) ?? [
      `${response.status} where no answer fits`,
    ]
  );
}

function differencesFrom(response: SeenResponse, { status, body, lines }: Allowed): string[] {
  const isSame = status === response.status && body === response.body;
  const complaints = isSame
    ? []
    : [`${response.status} "${response.body}" instead of ${status} "${readable(body)}"`];
  for (const name of SHOWN) {
    if (response.status === 416 || response.fields[name] === lines[name]) continue;
    complaints.push(`${name}: ${String(response.fields[name])} instead of ${String(lines[name])}`);
  }
  return complaints;
}
