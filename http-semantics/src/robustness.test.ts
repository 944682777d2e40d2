import fc from 'fast-check';
import { parseList } from 'structured-headers';
import { expect, test } from 'vitest';
import * as semantics from './index.ts';
import type { HeaderList, StoredHead } from './index.ts';

const { DEFAULT_POLICY: policy } = semantics;

const NAMES =
  'Accept Accept-Encoding Accept-Language Age Cache-Control Cache-Status Connection Content-Encoding ' +
  'Content-Length Content-Range Content-Type Date ETag Expires If-Modified-Since If-None-Match Last-Modified Pragma Range ' +
  'Set-Cookie Upgrade Vary Via X-Other';
const name = fc.constantFrom(...NAMES.split(' '));
/** Split at bars: what grammars trip over. */
const PIECES = `no-store|private|no-cache|max-age=|s-maxage=60|60|"|\\|,|;|=| |\t|(|)|W/"a"|*|gzip|q=0|\u00ff|\0|-1|1e9|1.1 p`;
const piece = fc.constantFrom(...PIECES.split('|'), 'Sun, 06 Nov 1994 08:49:37 GMT');
const latin1 = fc.string({ unit: fc.integer({ min: 0, max: 255 }).map((code) => String.fromCharCode(code)) });
const value = fc.oneof(
  latin1,
  fc.array(piece, { maxLength: 8 }).map((pieces) => pieces.join('')),
);
const headers: fc.Arbitrary<HeaderList> = fc.array(fc.tuple(fc.oneof(name, latin1), value), { maxLength: 8 });
const time = fc.integer({ min: 0, max: 4e12 });
const stored: fc.Arbitrary<StoredHead> = fc.record({
  status: fc.constantFrom(200, 404),
  headers,
  requestTimeMs: time,
  responseTimeMs: time,
});

/** Everything this package does with a head, in one value. */
function everything(request: HeaderList, head: StoredHead, now: number): unknown[] {
  return [
    semantics.withoutHopByHop(request),
    semantics.requestBypass('GET', request),
    semantics.requestDirectives(request),
    semantics.sharedRequestHeaders(request, ['x-other']),
    semantics.mayStore({ method: 'GET', headers: request }, head, { policy, now }),
    semantics.stateOf(head, policy, now),
    semantics.conditionalHeaders(head.headers),
    semantics.notModifiedFor({ method: 'GET', headers: request }, head, now),
    semantics.freshen(head, { ...head, headers: request }),
    semantics.singleRange(request),
    semantics.contentPart({ ...head, status: 206 }, undefined),
    semantics.headOfWhole({ ...head, status: 206 }),
    semantics.strongValidator(head.headers),
    semantics.hasLooped(request, 'pannier-proxy'),
    semantics.isCompressible(head.headers),
    semantics.appendCacheStatus(semantics.getHeader(head.headers, 'cache-status'), 'p; hit'),
  ];
}

test('no header whatever makes anything throw or produce a wrong number', () => {
  fc.assert(
    fc.property(headers, stored, time, (request, head, now) => {
      everything(request, head, now);
      const { ageS, lifetimeS } = semantics.stateOf(head, policy, now);
      expect(Number.isSafeInteger(ageS) && ageS >= 0).toBe(true);
      expect(
        Number.isSafeInteger(lifetimeS) && lifetimeS >= 0 && lifetimeS <= semantics.DELTA_SECONDS_MAX,
      ).toBe(true);
    }),
    { numRuns: 1000 },
  );
});

test('no garbage beside it makes a forbidden response storable', () => {
  const forbidden = fc.constantFrom(
    ['Cache-Control', 'no-store'],
    ['Cache-Control', 'private'],
    ['Set-Cookie', 'a=b'],
    ['Vary', '*'],
    ['Vary', 'Cookie'],
  );
  fc.assert(
    fc.property(headers, headers, forbidden, time, (before, behind, [name = '', text = ''], now) => {
      const head = { status: 200, headers: [...before, [name, text] as const, ...behind] };
      expect(semantics.mayStore({ method: 'GET', headers: [] }, head, { policy, now }).storable).toBe(false);
    }),
  );
});

test('no garbage beside it lets a credential through the shared cache or upstream', () => {
  const credential = fc.constantFrom('Authorization', 'cookie', 'X-Api-Key', 'x-auth-token');
  fc.assert(
    fc.property(headers, credential, value, headers, (before, name, secret, behind) => {
      const request: HeaderList = [...before, [name, secret], ...behind];
      expect(semantics.requestBypass('GET', request)).toBeDefined();
      const { sent } = semantics.sharedRequestHeaders(request, [name.toLowerCase(), '*']);
      expect(sent.some(([other]) => other.toLowerCase() === name.toLowerCase())).toBe(false);
    }),
  );
});

test('normalising what was normalised changes nothing', () => {
  fc.assert(
    fc.property(headers, (request) => {
      const { keyed: once } = semantics.sharedRequestHeaders(request, ['x-other']);
      expect(semantics.sharedRequestHeaders(once, ['x-other']).keyed).toEqual(once);
    }),
  );
});

test('a Cache-Status that we appended to is always readable', () => {
  fc.assert(
    fc.property(value, latin1, latin1, (existing, key, detail) => {
      const member = semantics.cacheStatusMember('pannier-proxy', { fwd: 'miss', key, detail });
      expect(parseList(semantics.appendCacheStatus(existing, member)).length).toBeGreaterThan(0);
    }),
  );
});

test('long hostile values are read in one pass', () => {
  // Quadratic reading would take minutes here, and the runner's own limit would end it.
  for (const unit of ['"\\', '\\"', '"', '(', ' ', '\t', ',', ' ,', '"a",', 'a"', '((', ';q=', '=']) {
    const long = unit.repeat(200_000 / unit.length);
    const all = NAMES.split(' ').map((header) => [header, `a${long}b`] as const);
    everything(all, { status: 200, headers: all, requestTimeMs: 0, responseTimeMs: 0 }, 0);
  }
});
