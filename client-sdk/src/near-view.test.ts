import type { EntryTargets, GenerationMode, GenerationTarget } from '@pannier/proto/generation';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { NearView } from './near-view.ts';
import type { WatchNews } from './transport/index.ts';

const epoch = 'one';

function event(sequence: number, target: GenerationTarget, mode: GenerationMode = 'hard'): WatchNews {
  return { kind: 'invalidation', epoch, sequence, target, mode };
}

function sign(sequence: number, confirmedMsAgo = 0, of = epoch): WatchNews {
  return { kind: 'confirmation', epoch: of, sequence, confirmedMsAgo };
}

const CITY: EntryTargets = {
  key: 'geo:original:x',
  scope: 'geo',
  url: 'http://geo.example/cities',
  tags: ['city'],
};
const tag = (value: string): GenerationTarget => ({ kind: 'tag', value });

test('an event outdates what was judged before it, and nothing that was judged after', () => {
  const view = new NearView(1000);
  view.begin({ epoch, sequence: 5 });
  view.onNews(event(6, tag('other')));
  view.onNews(event(7, tag('city'), 'soft'));
  view.onNews(event(8, tag('city')));
  const verdicts = [5, 6, 7, 8].map((sequence) => view.judge({ epoch, sequence }, CITY));
  expect(verdicts).toEqual(['gone', 'gone', 'gone', 'valid']);
});

test('a soft event makes stale what a hard one removes', () => {
  const view = new NearView(1000);
  view.begin({ epoch, sequence: 0 });
  view.onNews(event(1, { kind: 'prefix', value: 'http://geo.example/' }, 'soft'));
  expect(view.judge({ epoch, sequence: 0 }, CITY)).toBe('stale');
});

test('after a gap nothing from before it is used', () => {
  const view = new NearView(1000);
  view.begin({ epoch, sequence: 5 });
  view.onNews(event(8, tag('other')));
  const verdicts = [6, 7, 8].map((sequence) => view.judge({ epoch, sequence }, CITY));
  expect(verdicts).toEqual(['gone', 'valid', 'valid']);
  expect(view.position).toEqual({ epoch, sequence: 8 });
});

test('what was judged before the watch began cannot be told about', () => {
  const view = new NearView(1000);
  view.begin({ epoch, sequence: 5 });
  expect(view.judge({ epoch, sequence: 4 }, CITY)).toBe('gone');
  expect(view.judge({ epoch, sequence: 5 }, CITY)).toBe('valid');
});

test('another epoch makes everything stale that was judged in the one before', () => {
  const view = new NearView(1000);
  view.begin({ epoch, sequence: 5 });
  view.onNews({ ...event(2, { kind: 'all', value: '' }), epoch: 'two' });
  expect(view.judge({ epoch, sequence: 5 }, CITY)).toBe('stale');
  expect(view.judge({ epoch: 'two', sequence: 1 }, CITY)).toBe('gone');
  expect(view.judge({ epoch: 'two', sequence: 2 }, CITY)).toBe('valid');
});

test('it is trusted for as long as it was confirmed lately, from the moment of which the server spoke', () => {
  let now = 10_000;
  const view = new NearView(1000, () => now);
  view.begin({ epoch, sequence: 5 });
  expect(view.trusts(1001)).toBe(false);
  expect(view.trusts(1000)).toBe(true);
  view.onNews(sign(5, 400));
  now += 600;
  expect(view.trusts(60_000)).toBe(true);
  now += 1;
  expect(view.trusts(60_000)).toBe(false);
  view.onNews(sign(5));
  expect(view.trusts(60_000)).toBe(true);
});

test('neither a server that has fallen behind nor one whose events are still to come confirms anything', () => {
  const view = new NearView(1000);
  view.begin({ epoch, sequence: 5 });
  for (const news of [sign(4), sign(6), sign(5, 0, 'two'), event(6, tag('x'))]) view.onNews(news);
  expect(view.trusts(60_000)).toBe(false);
  view.onNews(sign(6));
  expect(view.trusts(60_000)).toBe(true);
});

test('a publication is an event like any other, and outdates nothing', () => {
  const view = new NearView(1000);
  view.begin({ epoch, sequence: 5 });
  view.onNews({ kind: 'publication', epoch, sequence: 6 });
  expect(view.judge({ epoch, sequence: 5 }, CITY)).toBe('valid');
  expect(view.position?.sequence).toBe(6);
});

const targets = fc.oneof(
  fc
    .constantFrom<GenerationTarget['kind']>('scope', 'tag', 'key', 'url', 'dataset')
    .chain((kind) => fc.constantFrom('a', 'b', 'c').map((value) => ({ kind, value }))),
  fc.constantFrom<GenerationTarget>({ kind: 'all', value: '' }, { kind: 'prefix', value: 'a' }),
);
const logs = fc.array(fc.record({ target: targets, mode: fc.constantFrom('hard', 'soft') }), {
  maxLength: 40,
});
const entries = fc.record({
  key: fc.constantFrom('a', 'b', 'd'),
  scope: fc.constantFrom('a', 'd'),
  url: fc.constantFrom('a', 'ab', 'd'),
  tags: fc.subarray(['a', 'b', 'd']),
});

/** Whether a target names an entry, said as plainly as can be. */
function names({ kind, value }: GenerationTarget, entry: EntryTargets): boolean {
  if (kind === 'all') return true;
  if (kind === 'tag') return entry.tags?.includes(value) === true;
  if (kind === 'prefix') return entry.url?.startsWith(value) === true;
  return entry[kind] === value;
}

test('whatever is missed, told twice or out of order by replicas, nothing outdated is ever taken for valid', () => {
  const told = fc.array(fc.nat(45), { maxLength: 60 });
  fc.assert(
    fc.property(logs, told, entries, fc.nat(40), (log, order, entry, judgedAt) => {
      const view = new NearView(1000);
      view.begin({ epoch, sequence: Math.min(judgedAt, 3) });
      for (const index of order) {
        const happened = log[index];
        if (happened !== undefined)
          view.onNews({ kind: 'invalidation', epoch, sequence: index + 1, ...happened });
      }
      const upTo = view.position!.sequence;
      const outdated = log.some(
        ({ target }, at) => at + 1 > judgedAt && at + 1 <= upTo && names(target, entry),
      );
      const hard = log.some(
        ({ target, mode }, at) =>
          at + 1 > judgedAt && at + 1 <= upTo && mode === 'hard' && names(target, entry),
      );
      const verdict = view.judge({ epoch, sequence: judgedAt }, entry);
      if (hard) expect(verdict).toBe('gone');
      else if (outdated) expect(verdict).not.toBe('valid');
    }),
    { numRuns: 1000 },
  );
});

test('told of everything in order, it outdates nothing else either', () => {
  fc.assert(
    fc.property(logs, entries, fc.nat(40), (log, entry, judgedAt) => {
      const view = new NearView(1000);
      view.begin({ epoch, sequence: 0 });
      for (const [at, happened] of log.entries())
        view.onNews({ kind: 'invalidation', epoch, sequence: at + 1, ...happened });
      const outdated = log.some(({ target }, at) => at + 1 > judgedAt && names(target, entry));
      expect(view.judge({ epoch, sequence: judgedAt }, entry) === 'valid').toBe(!outdated);
    }),
  );
});
