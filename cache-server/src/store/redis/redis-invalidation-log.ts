/** The log of invalidations of all servers over one Redis for control: whatever an invalidation concerns, it is one command. */
import { bucketOf, PREFIXES_MAX, targetName } from '@pannier/proto/generation';
import type { FoldedMarks, GenerationMode } from '@pannier/proto/generation';
import { decodeEvent, encodeEvent } from '../../generation/event-record.ts';
import { LOG_BYTES_MAX, LOG_EVENTS_MAX, LOG_FULL_SHARE } from '../../generation/invalidation-log.ts';
import type {
  AppendResult,
  InvalidationLog,
  LogEvent,
  LogPage,
  LogPosition,
  LogSize,
  LogSnapshot,
  NewEvent,
} from '../../generation/invalidation-log.ts';
import { randomName } from '../../generation/random-name.ts';
import type { GenerationKeys } from './generation-scripts.ts';
import type { RedisConnection } from './redis-connection.ts';

/** Settings of a {@link RedisInvalidationLog}. */
export interface RedisInvalidationLogOptions {
  /** Not closed with the log. */
  readonly control: Pick<RedisConnection, 'command' | 'subscribe'>;
  readonly keyPrefix: string;
  readonly clock: { now(): number };
  /** Like Math.random. */
  readonly random: () => number;
  /** So many are kept; 100,000 by default. */
  readonly eventsMax?: number | undefined;
  /** Of all of them together; 32 MiB by default. The last event is kept in any case. */
  readonly bytesMax?: number | undefined;
}

/** In each name, so that servers of another version do not misread it. */
const FORMAT_VERSION = 1;
/** Events of one page, which is read within one deadline, and about how many bytes. */
const PAGE_EVENTS = 500;
const PAGE_BYTES = 1024 * 1024;
/** Names in one event. What is left out, a reader of versions finds. */
const NAMES_MAX = 1001;
const MODES: Readonly<Record<string, GenerationMode>> = { h: 'hard', s: 'soft' };

/** See the head of this file. */
export class RedisInvalidationLog implements InvalidationLog {
  readonly isLocal = false;
  readonly #options: RedisInvalidationLogOptions;
  readonly #keys: GenerationKeys;
  readonly #channel: string;
  #size: LogSize = { events: 0, bytes: 0 };

  constructor(options: RedisInvalidationLogOptions) {
    this.#options = options;
    // The braces are a hash tag of Redis Cluster: a script may touch keys of one slot only.
    const start = `${options.keyPrefix}:${FORMAT_VERSION}:{generations}`;
    this.#keys = [`${start}:head`, `${start}:log`, `${start}:buckets`, `${start}:prefixes`, `${start}:none`];
    this.#channel = `${start}:appended`;
  }

  get size(): LogSize {
    return this.#size;
  }

  async append(added: readonly NewEvent[]): Promise<AppendResult> {
    const { control, clock, random } = this.#options;
    const { eventsMax = LOG_EVENTS_MAX, bytesMax = LOG_BYTES_MAX } = this.#options;
    const atMs = clock.now();
    const events = added.map((event) => ({ ...bounded(event), atMs, stamp: randomName(random) }));
    const args = events.flatMap((event) => [...markOf(event), encodeEvent(event)]);
    const [epoch, last] = await control.command(
      'write down the invalidation',
      async (redis) =>
        await redis.appendEvents(
          ...this.#keys,
          this.#newEpoch(),
          this.#channel,
          eventsMax,
          bytesMax,
          Math.floor(bytesMax * LOG_FULL_SHARE),
          PREFIXES_MAX,
          ...args,
        ),
    );
    const first = Number(last) - events.length + 1;
    const numbered = events.map((event, at): LogEvent => ({ ...event, sequence: first + at }));
    return { head: { epoch, sequence: Number(last) }, events: numbered };
  }

  async read(after: LogPosition): Promise<LogPage> {
    const { epoch, sequence, stamp } = after;
    const reply = await this.#options.control.command(
      'read what was invalidated',
      async (redis) =>
        await redis.readEvents(...this.#keys, this.#newEpoch(), epoch, sequence, PAGE_EVENTS, PAGE_BYTES),
    );
    const [inEpoch = '', last, length, bytes, ...entries] = reply;
    this.#size = { events: Number(length), bytes: Number(bytes) };
    const head = { epoch: inEpoch, sequence: Number(last) };
    const events = pairs(entries).map(([number, text]) => decodeEvent(Number(number), text));
    const without = (standing: LogPage['standing']): LogPage => ({ standing, head, events: [] });
    if (inEpoch !== epoch) return without('other-epoch');
    if (sequence > head.sequence) return without('lost-end');
    if (sequence === 0)
      return events[0]?.sequence === 1 || head.sequence === 0
        ? { standing: 'continues', head, events }
        : without('too-old');
    const [there, ...following] = events;
    if (there?.sequence !== sequence) return without('too-old');
    return there.stamp === stamp ? { standing: 'continues', head, events: following } : without('lost-end');
  }

  async snapshot(): Promise<LogSnapshot> {
    const reply = await this.#options.control.command(
      'read all that was invalidated',
      async (redis) => await redis.snapshotEvents(...this.#keys, this.#newEpoch()),
    );
    const [epoch, last, hard, soft, buckets, prefixes, [number, text = '']] = reply;
    const head = { epoch, sequence: Number(last) };
    // From the first event on, which itself is folded: nobody knows the stamp of the one before.
    const first = number === undefined ? { ...head, stamp: '' } : decodeEvent(Number(number), text);
    const { sequence, stamp } = first;
    const folded: FoldedMarks = {
      through: sequence,
      buckets: marked(buckets).map(([bucket, mode, at]) => [Number(bucket), mode, at]),
      prefixes: marked(prefixes),
      all: { hard: Number(hard), soft: Number(soft) },
    };
    return { head, position: { epoch, sequence, stamp }, folded };
  }

  async renew(epoch: string): Promise<void> {
    await this.#options.control.command(
      'begin a new list of invalidations',
      async (redis) => await redis.renewEpoch(...this.#keys, this.#newEpoch(), epoch, this.#channel),
    );
  }

  onAppended(wake: () => void): () => void {
    return this.#options.control.subscribe(this.#channel, wake);
  }

  close(): Promise<void> {
    // The connection belongs to whoever handed it in.
    return Promise.resolve();
  }

  #newEpoch(): string {
    return randomName(this.#options.random);
  }
}

function bounded(event: NewEvent): NewEvent {
  if (event.kind === 'invalidation') return event;
  const { changed, removed } = event.published;
  const published = {
    ...event.published,
    changed: changed.slice(0, NAMES_MAX),
    removed: removed.slice(0, NAMES_MAX),
  };
  return { ...event, published };
}

/** Kind of mark, mode, and what is marked, as the script takes them. */
function markOf(event: NewEvent): [string, string, string] {
  if (event.kind === 'publication') return ['n', '', ''];
  const { target, mode } = event;
  const short = mode === 'hard' ? 'h' : 's';
  if (target.kind === 'all') return ['a', short, ''];
  if (target.kind === 'prefix') return ['x', short, target.value];
  return ['b', short, String(bucketOf(targetName(target)))];
}

/** Of names that begin with their mode. */
function marked(list: readonly string[]): [name: string, mode: GenerationMode, sequence: number][] {
  return pairs(list).map(([name, sequence]) => [
    name.slice(1),
    MODES[name.charAt(0)] ?? 'hard',
    Number(sequence),
  ]);
}

function pairs(list: readonly string[]): [string, string][] {
  return Array.from({ length: list.length / 2 }, (_, at) => [list[2 * at] ?? '', list[2 * at + 1] ?? '']);
}
