import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { entryTags } from './entry-tags.ts';
import { bucketOf, BUCKETS, targetName } from './generation.ts';
import type {
  EntryTargets,
  GenerationEvent,
  GenerationMode,
  GenerationTarget,
  Verdict,
} from './generation.ts';
import { GenerationView } from './generation-view.ts';

const URLS = ['http://a/', 'http://a/x', 'http://a/x/y', 'http://b/', `http://b/${'long'.repeat(300)}`];
const NAMES = ['a', 'b', 'c', 'd', 'é'];
const PREFIXES = ['http://', 'http://a/', 'http://a/x', 'http://b/long'];

const target: fc.Arbitrary<GenerationTarget> = fc.oneof(
  { weight: 1, arbitrary: fc.constant({ kind: 'all' as const, value: '' }) },
  {
    weight: 10,
    arbitrary: fc.record({
      kind: fc.constantFrom('scope' as const, 'tag' as const, 'dataset' as const, 'key' as const),
      value: fc.constantFrom(...NAMES),
    }),
  },
  {
    weight: 5,
    arbitrary: fc.record({ kind: fc.constant('url' as const), value: fc.constantFrom(...URLS) }),
  },
  {
    weight: 3,
    arbitrary: fc.record({ kind: fc.constant('prefix' as const), value: fc.constantFrom(...PREFIXES) }),
  },
);
const mode: fc.Arbitrary<GenerationMode> = fc.constantFrom('hard', 'soft');
const history = fc
  .array(fc.record({ target, mode }), { maxLength: 60 })
  .map((list) => list.map((event, at): GenerationEvent => ({ ...event, sequence: at + 1 })));
const entry: fc.Arbitrary<EntryTargets> = fc.record(
  {
    key: fc.constantFrom(...NAMES),
    scope: fc.constantFrom(...NAMES),
    url: fc.constantFrom(...URLS),
    tags: fc.uniqueArray(fc.constantFrom(...NAMES), { maxLength: 3 }),
    dataset: fc.constantFrom(...NAMES),
  },
  { requiredKeys: [] },
);

function concerns({ kind, value }: GenerationTarget, of: EntryTargets): boolean {
  if (kind === 'all') return true;
  if (kind === 'tag') return of.tags?.includes(value) === true;
  if (kind === 'prefix') return of.url?.startsWith(value) === true;
  return of[kind] === value;
}

/** Every event, one by one. */
function naive(events: readonly GenerationEvent[], of: EntryTargets, sequence: number): Verdict {
  const later = events.filter((event) => event.sequence > sequence && concerns(event.target, of));
  if (later.some((event) => event.mode === 'hard')) return 'gone';
  return later.length > 0 ? 'stale' : 'valid';
}

const RANK = { valid: 0, stale: 1, gone: 2 };

describe('a view of invalidations', () => {
  test('judges as a walk over all events does, while they fit', () => {
    fc.assert(
      fc.property(history, entry, fc.nat(60), (events, of, sequence) => {
        const view = new GenerationView();
        for (const event of events) view.add(event);
        expect(view.judge(of, sequence)).toBe(naive(events, of, sequence));
      }),
    );
  });

  test('does not depend on the order in which events come, nor on how often', () => {
    const shuffled = history.chain((events) =>
      fc.tuple(
        fc.constant(events),
        fc.shuffledSubarray([...events, ...events], { minLength: 2 * events.length }),
      ),
    );
    fc.assert(
      fc.property(shuffled, entry, fc.nat(60), ([events, mixed], of, sequence) => {
        const view = new GenerationView();
        for (const event of mixed) view.add(event);
        expect(view.judge(of, sequence)).toBe(naive(events, of, sequence));
      }),
    );
  });

  test('never takes what is outdated for good however little it may remember, and is exact for what is new', () => {
    const bounds = fc.record({
      exactMax: fc.integer({ min: 1, max: 5 }),
      prefixesMax: fc.integer({ min: 1, max: 2 }),
    });
    fc.assert(
      fc.property(history, entry, fc.nat(60), bounds, (events, of, sequence, options) => {
        const view = new GenerationView(options);
        for (const event of events) view.add(event);
        const truth = naive(events, of, sequence);
        expect(RANK[view.judge(of, sequence)]).toBeGreaterThanOrEqual(RANK[truth]);
        expect(view.judge(of, events.length)).toBe('valid');
        // The last event is always remembered as it is.
        if (sequence >= events.length - 1) expect(view.judge(of, sequence)).toBe(truth);
      }),
    );
  });

  test('takes over what was folded elsewhere', () => {
    fc.assert(
      fc.property(history, fc.nat(60), entry, fc.nat(60), (events, cut, of, sequence) => {
        const view = new GenerationView();
        const folded = events.slice(0, cut).filter((event) => event.target.kind !== 'all');
        const all = { hard: 0, soft: 0 };
        for (const event of events.slice(0, cut))
          if (event.target.kind === 'all') all[event.mode] = event.sequence;
        view.load({
          through: Math.min(cut, events.length),
          all,
          buckets: folded
            .filter((event) => event.target.kind !== 'prefix')
            .map((event) => [bucketOf(targetName(event.target)), event.mode, event.sequence] as const),
          prefixes: folded
            .filter((event) => event.target.kind === 'prefix')
            .map((event) => [event.target.value, event.mode, event.sequence] as const),
        });
        for (const event of events.slice(cut)) view.add(event);
        expect(RANK[view.judge(of, sequence)]).toBeGreaterThanOrEqual(RANK[naive(events, of, sequence)]);
        if (sequence >= cut) expect(view.judge(of, sequence)).toBe(naive(events, of, sequence));
      }),
    );
  });

  test('knows nothing any more when it was cleared', () => {
    const view = new GenerationView();
    view.add({ sequence: 7, target: { kind: 'all', value: '' }, mode: 'hard' });
    expect(view.judge({ scope: 'a' }, 6)).toBe('gone');
    view.clear();
    expect(view.judge({ scope: 'a' }, 0)).toBe('valid');
  });
});

test('a bucket is one of 65,536, and a target has one name of bounded length', () => {
  fc.assert(
    fc.property(fc.string({ maxLength: 2000 }), (value) => {
      const name = targetName({ kind: 'tag', value });
      expect(name.length).toBeLessThanOrEqual(520);
      expect(bucketOf(name)).toBeLessThan(BUCKETS);
      const again = { kind: 'tag', value: name.slice('tag\n'.length) } as const;
      expect(targetName(again)).toBe(name);
    }),
  );
});

test('tags stand between spaces in Surrogate-Key and between commas in Cache-Tag', () => {
  const headers = [
    ['Surrogate-Key', ' a  b\tc '],
    ['cache-tag', 'd e, f,,'],
    ['Content-Type', 'text/plain'],
    ['Cache-Tag', Buffer.from('č', 'utf8').toString('latin1')],
  ] as const;
  expect(entryTags(headers)).toEqual(['a', 'b', 'c', 'd e', 'f', 'Ä\u008d', 'č']);
});
