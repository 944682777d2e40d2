/** What every log of invalidations does. */
import { expect, test } from 'vitest';
import { GenerationView } from '@pannier/proto/generation';
import type { GenerationMode, GenerationTarget } from '@pannier/proto/generation';
import type {
  InvalidationLog,
  LogEvent,
  LogPosition,
  NewEvent,
} from '../../cache-server/src/generation/invalidation-log.ts';

/** Opens a log that is empty and keeps about so many events, and so many bytes of them. */
export type OpenLog = (bounds?: { eventsMax?: number; bytesMax?: number }) => Promise<InvalidationLog>;

function event(
  value: string,
  mode: GenerationMode = 'hard',
  kind: GenerationTarget['kind'] = 'tag',
): NewEvent {
  return { kind: 'invalidation', target: { kind, value }, mode };
}

async function start(log: InvalidationLog): Promise<LogPosition> {
  return (await log.snapshot()).position;
}

async function all(log: InvalidationLog, from: LogPosition): Promise<LogEvent[]> {
  const events: LogEvent[] = [];
  for (let position = from; ;) {
    const page = await log.read(position);
    expect(page.standing).toBe('continues');
    events.push(...page.events);
    const last = events.at(-1);
    if (last === undefined || last.sequence === page.head.sequence) return events;
    position = { ...last, epoch: from.epoch };
  }
}

/** The suite. */
export function describeInvalidationLog(open: OpenLog): void {
  describeAppending(open);
  describeForgetting(open);
  describeSize(open);
}

function describeAppending(open: OpenLog): void {
  test('numbers what is appended by one, and gives it back in order to whoever reads after a position', async () => {
    const log = await open();
    const from = await start(log);
    expect(from.sequence).toBe(0);
    const published = { dataset: 'd', version: '2', formerVersion: '1', changed: ['x'], removed: ['é'] };
    const { head, events } = await log.append([
      event('a'),
      event('b', 'soft'),
      { kind: 'publication', published },
    ]);
    expect(head).toEqual({ epoch: from.epoch, sequence: 3 });
    expect(events.map(({ sequence }) => sequence)).toEqual([1, 2, 3]);
    expect(await all(log, from)).toEqual(events);
    const [, second] = events;
    expect(await all(log, { ...second!, epoch: from.epoch })).toEqual(events.slice(2));
    expect(events[2]).toMatchObject({ kind: 'publication', published });
  });

  test('gives each event a number of its own, however many append at once', async () => {
    const log = await open();
    const from = await start(log);
    await Promise.all(
      Array.from({ length: 50 }, async (_none, at) => await log.append([event(`${at}`), event('both')])),
    );
    const events = await all(log, from);
    expect(events.map(({ sequence }) => sequence)).toEqual(
      Array.from({ length: 100 }, (_none, at) => at + 1),
    );
  });

  test('more events than a page holds are read page by page', async () => {
    const log = await open();
    const from = await start(log);
    for (let batch = 0; batch < 9; batch += 1)
      await log.append(Array.from({ length: 500 }, (_none, at) => event(`${batch} ${at}`)));
    expect(await all(log, from)).toHaveLength(4500);
  });

  test('wakes up who listens', async () => {
    const log = await open();
    const woken = Promise.withResolvers<void>();
    const stop = log.onAppended(() => woken.resolve());
    // A subscription may begin late: events before it wake nobody.
    const timer = setInterval(() => void log.append([event('a')]), 20);
    await woken.promise;
    clearInterval(timer);
    stop();
  });
}

function describeForgetting(open: OpenLog): void {
  test('says that it began anew, and that an event was never in it', async () => {
    const log = await open();
    const from = await start(log);
    const { head, events } = await log.append([event('a')]);
    const last = { ...events[0]!, epoch: head.epoch };
    expect((await log.read({ ...last, epoch: 'another' })).standing).toBe('other-epoch');
    expect((await log.read({ ...last, stamp: 'another' })).standing).toBe('lost-end');
    expect((await log.read({ ...last, sequence: 2 })).standing).toBe('lost-end');
    await log.renew('another');
    expect((await log.read(last)).standing).toBe('continues');
    await log.renew(from.epoch);
    expect((await log.read(last)).standing).toBe('other-epoch');
    expect((await start(log)).sequence).toBe(0);
    expect((await log.append([event('b')])).head.sequence).toBe(1);
  });

  test('folds what is too old, so that a view that begins later misses nothing', async () => {
    const log = await open({ eventsMax: 100 });
    const from = await start(log);
    const targets: [string, GenerationMode, GenerationTarget['kind']][] = [
      ['old', 'hard', 'tag'],
      ['http://a/', 'soft', 'prefix'],
      ['old', 'soft', 'scope'],
    ];
    await log.append(targets.map(([value, mode, kind]) => event(value, mode, kind)));
    for (let batch = 0; batch < 10; batch += 1)
      await log.append(Array.from({ length: 100 }, (_none, at) => event(`${batch} ${at}`)));
    expect((await log.read(from)).standing).toBe('too-old');
    const { position, folded, head } = await log.snapshot();
    const events = await all(log, position);
    expect(position.sequence + events.length).toBe(head.sequence);
    const view = new GenerationView();
    view.load(folded);
    for (const one of events) if (one.kind === 'invalidation') view.add(one);
    expect(view.judge({ tags: ['old'] }, 0)).toBe('gone');
    expect(view.judge({ url: 'http://a/x' }, 0)).toBe('stale');
    expect(view.judge({ scope: 'old' }, 2)).not.toBe('valid');
    expect(view.judge({ tags: ['9 99'] }, head.sequence - 1)).toBe('gone');
    expect(view.judge({ tags: ['other'], url: 'http://b/' }, head.sequence - 1)).toBe('valid');
  });

  test('of more prefixes than it remembers the oldest concern everything', async () => {
    const log = await open();
    await log.append(Array.from({ length: 900 }, (_none, at) => event(`http://a/${at}/`, 'hard', 'prefix')));
    await log.append(Array.from({ length: 900 }, (_none, at) => event(`http://b/${at}/`, 'hard', 'prefix')));
    const view = new GenerationView();
    view.load((await log.snapshot()).folded);
    expect(view.judge({ url: 'http://a/5/x' }, 0)).toBe('gone');
    expect(view.judge({ url: 'http://b/899/x' }, 1799)).toBe('gone');
    expect(view.judge({ url: 'http://c/' }, 1000)).toBe('valid');
  });
}

const BYTES_MAX = 400_000;

function publication(version: number): NewEvent {
  const names = Array.from({ length: 100 }, (_none, at) => `country=${version} ${at}/`.padEnd(80, 'x'));
  const published = {
    dataset: 'd',
    version: `${version}`,
    formerVersion: '',
    changed: names,
    removed: names,
  };
  return { kind: 'publication', published };
}

function describeSize(open: OpenLog): void {
  test('tells how many events it has, and of how many bytes', async () => {
    const log = await open();
    const from = await start(log);
    await log.append([event('a'), event('b')]);
    await log.read(from);
    expect(log.size.events).toBe(2);
    expect(log.size.bytes).toBeGreaterThan(100);
    expect(log.size.bytes).toBeLessThan(1000);
  });

  test('keeps no more bytes than it may, however large its events are, and folds what had to go', async () => {
    const log = await open({ bytesMax: BYTES_MAX });
    const from = await start(log);
    await log.append([event('old')]);
    for (let version = 0; version < 300; version += 1) await log.append([publication(version)]);
    expect((await log.read(from)).standing).toBe('too-old');
    const { position, folded, head } = await log.snapshot();
    expect(head.sequence).toBe(301);
    const events = await all(log, position);
    expect(events.at(-1)).toMatchObject(publication(299));
    expect(events.length).toBeGreaterThan(3);
    expect(log.size.events).toBeLessThan(30);
    expect(log.size.bytes).toBeLessThanOrEqual(BYTES_MAX);
    const view = new GenerationView();
    view.load(folded);
    expect(view.judge({ tags: ['old'] }, 0)).toBe('gone');
  });

  test('keeps the last event, though it be too large', async () => {
    const log = await open({ bytesMax: 100 });
    const from = await start(log);
    const { events } = await log.append([event('a'), publication(1)]);
    expect((await log.read({ ...events[1]!, epoch: from.epoch })).standing).toBe('continues');
    await log.append([event('b')]);
    expect(await all(log, (await log.snapshot()).position)).toMatchObject([]);
  });
}
