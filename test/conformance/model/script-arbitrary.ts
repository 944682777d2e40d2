/** Random sequences. Small numbers meet each other: durations and clock steps are drawn from the same few. */
import fc from 'fast-check';
import type { Condition, Deed, RequestStep, Resource, Script, Step } from './script.ts';
import type { RequestControl, ResponseControl, Spelling } from './wire-head.ts';

const STEPS_MAX = 14;

const seconds = fc.constantFrom(0, 1, 5, 10, 60, 600);
const longer = fc.constantFrom(10, 10, 60, 60, 600, 3600);
const spelling = fc.constantFrom<Spelling>('plain', 'plain', 'upper', 'quoted', 'lines', 'spaced');
const flag = fc.constant(true as const);
const target = fc.constantFrom<0 | 1>(0, 0, 0, 1);

/** A record whose members are there once in so many times; a shorter counterexample has fewer of them. */
function sparse<T extends object>(members: {
  [K in keyof T]-?: readonly [arbitrary: fc.Arbitrary<T[K]>, onceIn: number];
}): fc.Arbitrary<T> {
  const entries = Object.entries(members) as [string, readonly [fc.Arbitrary<unknown>, number]][];
  const found = entries.map(([name, [arbitrary, onceIn]]) =>
    fc.oneof(
      { withCrossShrink: true },
      { weight: onceIn - 1, arbitrary: fc.constant<Member[]>([]) },
      { weight: 1, arbitrary: arbitrary.map((value): Member[] => [[name, value]]) },
    ),
  );
  return fc.tuple(...found).map((members) => Object.fromEntries(members.flat()) as T);
}

type Member = [name: string, value: unknown];

const responseControl = sparse<ResponseControl>({
  'max-age': [fc.oneof(seconds, longer, longer), 1],
  's-maxage': [longer, 8],
  'stale-while-revalidate': [longer, 6],
  'stale-if-error': [longer, 6],
  'no-store': [flag, 16],
  'no-cache': [flag, 14],
  private: [flag, 16],
  public: [flag, 10],
  'must-revalidate': [flag, 10],
  'proxy-revalidate': [flag, 14],
  'must-understand': [flag, 20],
});
const noLifetime = responseControl.map(({ 'max-age': _left, ...control }) => control);

const status = fc.constantFrom<number | 'reset'>(
  ...Array.from({ length: 16 }, () => 200),
  ...([203, 204, 301, 302, 307, 404, 404, 410, 500, 503, 503, 299, 418, 'reset', 'reset'] as const),
);

const resource: fc.Arbitrary<Resource> = fc
  .tuple(
    status,
    spelling,
    sparse<Omit<Resource, 'status' | 'spelling'>>({
      control: [fc.oneof({ weight: 4, arbitrary: responseControl }, { weight: 1, arbitrary: noLifetime }), 1],
      expiresS: [fc.oneof(longer, fc.constantFrom(-10, 0), fc.constant('garbage' as const)), 4],
      dateSkewS: [fc.constantFrom(-60, -5, 5, 60, 'none' as const), 8],
      ageS: [fc.constantFrom(0, 1, 5, 30, 100), 6],
      etag: [fc.constantFrom('strong', 'strong', 'weak'), 2],
      lastModifiedS: [fc.constantFrom(0, 10, 100, 1000, 100_000), 3],
      vary: [
        fc.constantFrom(
          ['x-tenant'],
          ['x-tenant'],
          ['accept-language'],
          ['x-tenant', 'accept-language'],
          ['*'],
        ),
        5,
      ],
      delayS: [fc.constantFrom(1, 5, 10), 12],
      ranges: [flag, 2],
    }),
  )
  .map(([code, written, rest]) => ({ status: code, spelling: written, ...rest }));

/** Some that overlap or meet, and some that are none. */
const RANGES = [
  'bytes=0-3',
  'bytes=2-9',
  'bytes=4-',
  'bytes=5-',
  'bytes=8-20',
  'bytes=-4',
  'bytes=0-',
  'bytes=900-',
  'bytes=3-1',
  'lines=1-2',
];

const requestControl = sparse<RequestControl>({
  'max-age': [seconds, 12],
  'min-fresh': [fc.constantFrom(1, 5, 10, 60), 14],
  'max-stale': [fc.oneof(fc.constantFrom(1, 5, 60), flag), 14],
  'stale-if-error': [longer, 20],
  'no-cache': [flag, 14],
  'no-store': [flag, 24],
  'only-if-cached': [flag, 16],
  pragma: [flag, 24],
});

const condition: fc.Arbitrary<Condition> = fc.oneof(
  fc.record({
    field: fc.constant('if-none-match' as const),
    tag: fc.constantFrom<Extract<Condition, { tag: string }>['tag']>(
      'last',
      'last',
      'last-weak',
      'other',
      'list',
      'any',
    ),
  }),
  fc.record({
    field: fc.constant('if-modified-since' as const),
    time: fc.constantFrom<Extract<Condition, { time: string }>['time']>('last', 'last', 'before', 'now'),
  }),
);

const reading: fc.Arbitrary<RequestStep> = fc
  .tuple(
    target,
    fc.constantFrom<RequestStep['method']>('GET', 'GET', 'GET', 'GET', 'GET', 'HEAD'),
    requestControl,
    spelling,
    sparse<RequestStep['selection']>({
      'x-tenant': [fc.constantFrom('a', 'b'), 3],
      'accept-language': [fc.constantFrom('en', 'fr'), 4],
    }),
    sparse<Pick<RequestStep, 'authorization' | 'condition' | 'range' | 'ifRange'>>({
      authorization: [flag, 20],
      condition: [condition, 6],
      range: [fc.constantFrom(...RANGES), 5],
      ifRange: [fc.constantFrom('last' as const, 'other' as const), 12],
    }),
  )
  .map(([to, method, control, written, selection, rest]) => ({
    kind: 'request',
    target: to,
    method,
    control,
    spelling: written,
    selection,
    ...rest,
  }));

const deed: fc.Arbitrary<Deed> = fc
  .tuple(
    fc.constantFrom<Deed['status']>(200, 201, 204, 303, 400, 404, 500, 'reset'),
    sparse<Pick<Deed, 'location' | 'contentLocation'>>({
      location: [fc.constantFrom<0 | 1 | 'elsewhere'>(0, 1, 'elsewhere'), 4],
      contentLocation: [fc.constantFrom<0 | 1 | 'elsewhere'>(0, 1, 'elsewhere'), 4],
    }),
  )
  .map(([code, rest]) => ({ status: code, ...rest }));

const writing: fc.Arbitrary<RequestStep> = fc
  .tuple(target, fc.constantFrom('POST' as const, 'PUT' as const, 'DELETE' as const), deed)
  .map(([to, method, done]) => ({
    kind: 'request',
    target: to,
    method,
    control: {},
    spelling: 'plain',
    selection: {},
    deed: done,
  }));

const changing: fc.Arbitrary<Step> = fc
  .tuple(target, fc.boolean(), resource)
  .map(([to, isNew, made]) => ({ kind: 'resource', target: to, isNew, resource: made }));

const step: fc.Arbitrary<Step> = fc.oneof<fc.MaybeWeightedArbitrary<Step>[]>(
  { weight: 30, arbitrary: reading },
  { weight: 3, arbitrary: writing },
  { weight: 9, arbitrary: changing },
  {
    weight: 12,
    arbitrary: fc
      .constantFrom(1, 2, 4, 5, 9, 10, 11, 30, 59, 60, 100, 600, 3000)
      .map((by) => ({ kind: 'clock', seconds: by })),
  },
  { weight: 1, arbitrary: target.map((to) => ({ kind: 'purge', target: to })) },
);

/** What is asked for in parts: of one version after another, each known by a strong tag. */
const inParts: fc.Arbitrary<Resource> = fc
  .record({ control: fc.constantFrom<ResponseControl>({ 'max-age': 60 }, { 'max-age': 5 }) })
  .map((made) => ({ status: 200, spelling: 'plain', etag: 'strong', ranges: true, ...made }));

const PLAIN_GET: RequestStep = {
  kind: 'request',
  target: 0,
  method: 'GET',
  control: {},
  spelling: 'plain',
  selection: {},
};

const partsStep: fc.Arbitrary<Step> = fc.oneof<fc.MaybeWeightedArbitrary<Step>[]>(
  {
    weight: 12,
    arbitrary: fc
      .tuple(
        fc.constantFrom(...RANGES.slice(0, 6)),
        fc.option(fc.constantFrom('last' as const, 'other' as const), { freq: 4 }),
      )
      .map(([range, ifRange]) => ({ ...PLAIN_GET, range, ...(ifRange === null ? {} : { ifRange }) })),
  },
  { weight: 2, arbitrary: fc.constant(PLAIN_GET) },
  {
    weight: 3,
    arbitrary: inParts.map((made) => ({ kind: 'resource', target: 0, isNew: true, resource: made })),
  },
  { weight: 2, arbitrary: fc.constantFrom(1, 10, 100).map((by) => ({ kind: 'clock', seconds: by })) },
  { weight: 1, arbitrary: step },
);

/** One sequence: it begins with what the first resource answers, for an origin that knows nothing teaches nothing. */
export const scripts: fc.Arbitrary<Script> = fc.oneof(
  { weight: 5, arbitrary: sequence(resource, step) },
  { weight: 2, arbitrary: sequence(inParts, partsStep) },
);

function sequence(first: fc.Arbitrary<Resource>, each: fc.Arbitrary<Step>): fc.Arbitrary<Script> {
  return fc
    .tuple(
      fc.constantFrom('plain' as const, 'open' as const),
      first,
      fc.array(each, { minLength: 1, maxLength: STEPS_MAX, size: 'max' }),
    )
    .map(([profile, made, steps]) => ({
      profile,
      steps: [{ kind: 'resource', target: 0, isNew: true, resource: made }, ...steps],
    }));
}
