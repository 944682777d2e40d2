/** Properties that hold of every decision together, whatever is sent. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import * as semantics from './index.ts';
import type { CachePolicy, Header, HeaderList, StoredHead } from './index.ts';

const NAMES =
  'Accept Accept-Encoding Accept-Language Age Authorization Cache-Control CDN-Cache-Control Connection Content-Length ' +
  'Content-Location Cookie Date ETag Expires If-Modified-Since If-None-Match If-Range Last-Modified Location ' +
  'Pannier-Cache-Control Pragma Range Set-Cookie Vary X-Other';
const name = fc.constantFrom(...NAMES.split(' '));
/** Split at bars: what grammars trip over. */
const PIECES =
  'no-store|private|private="a"|no-cache|no-cache="b, c"|public|must-understand|must-revalidate|max-age=|s-maxage=60|' +
  'stale-while-revalidate=9|stale-if-error=9|max-stale|min-fresh=5|60|0|-1|1e9|bytes=|0-4|-5|"|\\|,|;|=| |\t|(|)|?1|:YQ==:|@1|%"|W/"a"|*|http:|//|#';
const piece = fc.constantFrom(
  ...PIECES.split('|'),
  'Sun, 06 Nov 1994 08:49:37 GMT',
  'Sun, 06 Nov 2044 08:49:37 GMT',
);
const latin1 = fc.string({ unit: fc.integer({ min: 0, max: 255 }).map((code) => String.fromCharCode(code)) });
const value = fc.oneof(
  latin1,
  fc.array(piece, { maxLength: 8 }).map((pieces) => pieces.join('')),
);
const headers: fc.Arbitrary<HeaderList> = fc.array(fc.tuple(fc.oneof(name, latin1), value), { maxLength: 8 });
const time = fc.integer({ min: 0, max: 4e12 });
const status = fc.oneof(fc.constantFrom(200, 206, 304, 404, 503), fc.integer({ min: -1, max: 1000 }));
const stored: fc.Arbitrary<StoredHead> = fc.record({
  status,
  headers,
  requestTimeMs: time,
  responseTimeMs: time,
});
const seconds = fc.nat({ max: 1e6 });
const policy: fc.Arbitrary<CachePolicy> = fc.record({
  credentials: fc.constantFrom('never' as const, 'rfc' as const),
  setCookie: fc.constantFrom('never-share' as const, 'rfc' as const),
  forcedTtlS: fc.option(seconds, { nil: undefined }),
  minTtlS: seconds,
  defaultTtlS: fc.option(seconds, { nil: undefined }),
  heuristicShare: fc.constantFrom(0, 0.1, 1),
  heuristicTtlMaxS: seconds,
  negativeTtlS: fc.dictionary(status.map(String), seconds, { maxKeys: 2 }),
  staleIfErrorS: seconds,
  doubtfulAge: fc.constantFrom('stale' as const, 'rfc' as const),
});
const method = fc.constantFrom('GET', 'HEAD', 'POST', 'x');

type Asked = { readonly method: string; readonly headers: HeaderList };
const request: fc.Arbitrary<Asked> = fc.record({ method, headers });

test('nothing that is sent makes anything throw or produce a wrong number', () => {
  fc.assert(
    fc.property(request, stored, policy, time, (asked, head, chosen, now) => {
      const state = semantics.stateOf(head, chosen, now);
      const { lifetimeS } = semantics.lifetimeOf(head, chosen);
      const whole = [
        state.ageS,
        state.lifetimeS,
        state.staleForMs,
        state.whileRevalidateMs,
        state.ifErrorMs,
        lifetimeS,
      ];
      for (const number of whole) expect(Number.isSafeInteger(number) && number >= 0).toBe(true);
      expect(lifetimeS).toBeLessThanOrEqual(semantics.DELTA_SECONDS_MAX);
      semantics.mayStore(asked, head, { policy: chosen, now });
      semantics.storedFields(head.headers);
      semantics.reuse(state, asked.headers, { ignoreNoCache: true });
      semantics.mayUseOnError(state, asked.headers);
      semantics.evaluatePreconditions(asked, head, now);
      semantics.rangeStillApplies(asked, head);
      semantics.parseRanges(semantics.getHeader(asked.headers, 'range') ?? '', now);
      const names = semantics.varyNames(head.headers);
      semantics.variantValues(names === '*' ? [] : names, asked.headers);
      semantics.invalidatedUrls(asked.method, semantics.getHeader(head.headers, 'location') ?? '', head);
      semantics.freshenByHead(head, { ...head, headers: asked.headers });
    }),
    { numRuns: 2000 },
  );
});

test('no policy and no garbage beside it makes a forbidden response storable', () => {
  const forbidden = fc.constantFrom<Header[]>(
    ['Cache-Control', 'no-store'],
    ['Cache-Control', 'private'],
    ['Vary', '*'],
    ['Vary', 'a b'],
  );
  const untargeted = headers.map((list) =>
    list.filter(
      ([other, text]) => !/^(?:cdn|pannier)-cache-control$/i.test(other) && !/must-understand/i.test(text),
    ),
  );
  fc.assert(
    fc.property(untargeted, untargeted, forbidden, policy, (before, behind, line, chosen) => {
      const head = { status: 200, headers: [...before, line, ...behind] };
      expect(
        semantics.mayStore({ method: 'GET', headers: [] }, head, { policy: chosen, now: 0 }).storable,
      ).toBe(false);
    }),
    { numRuns: 500 },
  );
});

test('under the defaults nothing of a caller with a credential, and no cookie, is shared', () => {
  const secret = fc.constantFrom('Authorization', 'cookie', 'X-Api-Key', 'x-auth-token');
  const given = { policy: semantics.DEFAULT_POLICY, now: 0 };
  fc.assert(
    fc.property(headers, secret, value, stored, (before, credential, text, head) => {
      const asked = { method: 'GET', headers: [...before, [credential, text] as const] };
      expect(semantics.mayStore(asked, head, given).storable).toBe(false);
      const cookie = { ...head, headers: [...head.headers, ['Set-Cookie', text] as const] };
      expect(semantics.mayStore({ method: 'GET', headers: [] }, cookie, given).storable).toBe(false);
    }),
    { numRuns: 500 },
  );
});

test('what is fresh or may be used stale was not forbidden to be', () => {
  fc.assert(
    fc.property(request, stored, policy, time, (asked, head, chosen, now) => {
      const state = semantics.stateOf(head, chosen, now);
      const { noCache } = semantics.responseDirectives(head.headers);
      const use = semantics.reuse(state, asked.headers, { ignoreNoCache: false });
      if (noCache) expect(use).toBe('revalidate');
      if (use === 'fresh') expect(state.fresh && state.ageS < state.lifetimeS).toBe(true);
      if (use.startsWith('stale')) expect(state.fresh || state.mustRevalidate).toBe(false);
    }),
    { numRuns: 1000 },
  );
});

test('keeping what was kept changes nothing, and names no field that was to be left out', () => {
  fc.assert(
    fc.property(headers, (list) => {
      const kept = semantics.storedFields(list);
      const { noCacheFields, privateFields } = semantics.responseDirectives(list);
      for (const field of [...noCacheFields, ...privateFields])
        expect(semantics.getHeader(kept, field)).toBeUndefined();
      expect(semantics.storedFields(kept)).toEqual(kept);
    }),
    { numRuns: 500 },
  );
});

test('long hostile values are read in one pass', () => {
  // Quadratic reading would take minutes here, and the runner's own limit would end it.
  for (const unit of [
    '"\\',
    '"',
    ' ',
    ',',
    'a,',
    'max-age=1,',
    'private="a",',
    '0-1,',
    '"a",',
    '(',
    ';a',
    '//',
  ]) {
    const long = unit.repeat(100_000 / unit.length);
    const all = NAMES.split(' ').map((header) => [header, `${long}b`] as const);
    const head = { status: 200, headers: all, requestTimeMs: 0, responseTimeMs: 0 };
    const asked = { method: 'GET', headers: all };
    semantics.mayStore(asked, head, { policy: semantics.DEFAULT_POLICY, now: 0 });
    semantics.reuse(semantics.stateOf(head, semantics.DEFAULT_POLICY, 0), all, { ignoreNoCache: false });
    semantics.evaluatePreconditions(asked, head, 0);
    semantics.parseRanges(`bytes=${long}`, 100);
    semantics.variantValues(['x-other'], all);
    semantics.invalidatedUrls('POST', 'http://a.example/', head);
  }
});
