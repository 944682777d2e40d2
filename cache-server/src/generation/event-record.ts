/** An event as it stands in a log outside of the process: JSON, so that other versions can read what they know of it. */
import type { GenerationTarget } from '@pannier/proto/generation';
import type { LogEvent, NewEvent, PublishedVersion } from './invalidation-log.ts';

const KINDS: readonly GenerationTarget['kind'][] = ['all', 'scope', 'tag', 'url', 'prefix', 'dataset', 'key'];

/** What this version cannot read may have invalidated anything. */
const ANYTHING: NewEvent = { kind: 'invalidation', target: { kind: 'all', value: '' }, mode: 'hard' };

type Fields = Readonly<Record<string, unknown>>;

/** An event without its number. */
export function encodeEvent(event: NewEvent & Pick<LogEvent, 'atMs' | 'stamp'>): string {
  const { atMs, stamp } = event;
  if (event.kind === 'publication') return JSON.stringify({ atMs, stamp, published: event.published });
  const { target, mode } = event;
  return JSON.stringify({ atMs, stamp, kind: target.kind, value: target.value, mode });
}

/** @param sequence the event's number */
export function decodeEvent(sequence: number, text: string): LogEvent {
  const fields = fieldsOf(parsed(text));
  const { atMs, stamp } = fields;
  const place = {
    sequence,
    atMs: typeof atMs === 'number' ? atMs : 0,
    stamp: typeof stamp === 'string' ? stamp : '',
  };
  return { ...place, ...(publication(fields) ?? invalidation(fields) ?? ANYTHING) };
}

function invalidation({ kind, value, mode }: Fields): NewEvent | undefined {
  const known = KINDS.find((one) => one === kind);
  if (known === undefined || typeof value !== 'string') return undefined;
  return {
    kind: 'invalidation',
    target: { kind: known, value },
    mode: mode === 'soft' ? 'soft' : 'hard',
  };
}

function publication({ published }: Fields): NewEvent | undefined {
  if (published === undefined) return undefined;
  const fields = fieldsOf(published);
  const text = (name: keyof PublishedVersion): string => {
    const value = fields[name];
    return typeof value === 'string' ? value : '';
  };
  const texts = (name: keyof PublishedVersion): string[] => {
    const value = fields[name];
    return Array.isArray(value) ? value.filter((one) => typeof one === 'string') : [];
  };
  return {
    kind: 'publication',
    published: {
      dataset: text('dataset'),
      version: text('version'),
      formerVersion: text('formerVersion'),
      changed: texts('changed'),
      removed: texts('removed'),
      ...(fields['namesLeftOut'] === true ? { namesLeftOut: true } : {}),
    },
  };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // Not written by any of us.
    return undefined;
  }
}

function fieldsOf(value: unknown): Fields {
  return typeof value === 'object' && value !== null ? (value as Fields) : {};
}
