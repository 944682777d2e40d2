/** Runs one sequence against the cache and the model side by side. */
import { CacheModel } from './cache-model.ts';
import type { CacheUnderTest } from './cache-under-test.ts';
import type { Observation, SeenResponse } from './observation.ts';
import type { Asking } from './presented.ts';
import { stepText } from './script.ts';
import type { Condition, RequestStep, Script, Target } from './script.ts';
import { httpDate, requestLines } from './wire-head.ts';
import type { Lines } from './wire-head.ts';

/** What came of a sequence. */
export interface ScriptRun {
  /** Each step and what was seen of it, as lines to be read. */
  readonly story: readonly string[];
  /** Empty where the model agrees. */
  readonly complaints: readonly string[];
}

/** Longer than anything is kept because of an earlier sequence. */
const BETWEEN_MS = 2 * 3_600_000;

const KEYED = { plain: ['accept-language'], open: [] } as const;

/** Stops at the first step that the model objects to. */
export async function runScript({ profile, steps }: Script, cache: CacheUnderTest): Promise<ScriptRun> {
  const { clock, origin } = cache;
  clock.now += BETWEEN_MS;
  const name = cache.freshName();
  const pathOf = (target: 0 | 1): string => `/${profile}/${name}/${target}`;
  const model = new CacheModel(KEYED[profile]);
  const last = new Map<string, SeenResponse>();
  const story: string[] = [`profile ${profile}`];
  origin.taken();
  for (const step of steps) {
    story.push(stepText(step));
    if (step.kind === 'clock') clock.now += step.seconds * 1000;
    else if (step.kind === 'resource') origin.set(pathOf(step.target), step.resource, step.isNew);
    else if (step.kind === 'purge') {
      await cache.purge(pathOf(step.target));
      model.purge(pathOf(step.target), clock.now);
    } else {
      if (step.deed) origin.prepare(step.deed, (to) => locationOf(to, pathOf));
      const seen = await perform(step, { cache, path: pathOf(step.target), last });
      story.push(...seenLines(seen));
      const complaints = model.judge(seen);
      if (complaints.length > 0) return { story, complaints };
    }
  }
  return { story, complaints: [] };
}

function locationOf(to: Target, pathOf: (target: 0 | 1) => string): string {
  return to === 'elsewhere' ? `http://elsewhere.invalid${pathOf(0)}` : pathOf(to);
}

async function perform(
  step: RequestStep,
  { cache, path, last }: { cache: CacheUnderTest; path: string; last: Map<string, SeenResponse> },
): Promise<Observation> {
  const { clock, origin, deaf } = cache;
  const sentAt = clock.now;
  const asking = askingOf(step, last.get(path)?.fields ?? {}, sentAt);
  const { method, ...conditions } = asking;
  const asked = Object.entries(conditions) as [string, string][];
  const lines: Lines = [
    ...requestLines(step.control, step.spelling, deaf),
    ...Object.entries<string>(step.selection),
    ...(step.authorization ? ([['authorization', 'Basic c2VjcmV0']] as const) : []),
    ...asked,
  ];
  // A cache that is to know of no unsafe method gets a safe one that it does not know.
  const isHidden = step.deed !== undefined && deaf.has('request unsafe');
  const sent = isHidden ? 'REPORT' : method;
  const response = await cache.ask(sent, path, isHidden ? [...lines, ['x-method', method]] : lines);
  if (response !== 'broken' && response.status < 300 && method === 'GET') last.set(path, response);
  return {
    path,
    asking,
    control: step.control,
    selection: step.selection,
    hasCredentials: step.authorization === true,
    sentAt,
    answeredAt: clock.now,
    exchanges: origin.taken(),
    response,
  };
}

/** The conditions in full, from what the client got last. */
function askingOf(step: RequestStep, known: SeenResponse['fields'], now: number): Asking {
  const { method, condition, range, ifRange } = step;
  const tag = known['etag'] ?? '"none"';
  const strong = ifRange === 'last' ? tag : '"other"';
  return {
    method,
    ...(condition && conditionOf(condition, { tag, modified: known['last-modified'], now })),
    ...(range === undefined ? {} : { range }),
    ...(range === undefined || ifRange === undefined ? {} : { 'if-range': strong }),
  };
}

function conditionOf(
  condition: Condition,
  { tag, modified, now }: { tag: string; modified: string | undefined; now: number },
): Partial<Asking> {
  if (condition.field === 'if-none-match') {
    const weak = `W/${tag.replace(/^W\//, '')}`;
    const tags = { last: tag, 'last-weak': weak, other: '"other"', list: `"other", ${tag}`, any: '*' };
    return { 'if-none-match': tags[condition.tag] };
  }
  const times = { last: modified ?? httpDate(now), before: httpDate(now - 1_000_000), now: httpDate(now) };
  return { 'if-modified-since': times[condition.time] };
}

function seenLines({ exchanges, response }: Observation): string[] {
  const asked = exchanges.map(({ method, asked: by, selection, answer }) => {
    const what = answer === 'reset' ? 'reset' : `${answer.status} ${answer.serial}`;
    return `    origin: ${method} ${JSON.stringify({ ...by, ...selection })} -> ${what}`;
  });
  if (response === 'broken') return [...asked, '    client: broken'];
  const { status, fields, body } = response;
  const { age, 'content-location': serial, 'cache-status': said } = fields;
  return [
    ...asked,
    `    client: ${status} ${serial ?? '-'} age ${age ?? '-'} "${body.trim()}" (${said ?? '-'})`,
  ];
}
