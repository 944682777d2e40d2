import { DEFAULT_POLICY } from '@pannier/http-semantics';
import type { HeaderList } from '@pannier/http-semantics';
import { describe, expect, it } from 'vitest';
import { answerHead, notModifiedHead } from './answer-head.ts';
import { entryUse, freshForMs, retentionMs } from './entry-freshness.ts';
import type { JudgedHead } from './entry-freshness.ts';
import { planResponse } from './response-plan.ts';

const NOW = Date.UTC(2026, 0, 1);
const HOUR_MS = 3_600_000;

function head(headers: HeaderList, rest: Partial<JudgedHead> = {}): JudgedHead {
  return {
    status: 200,
    headers,
    requestTimeMs: NOW,
    responseTimeMs: NOW,
    policy: DEFAULT_POLICY,
    ...rest,
  };
}

function get(headers: HeaderList): { method: string; headers: HeaderList } {
  return { method: 'GET', headers };
}

function use(entry: JudgedHead, request: HeaderList, now: number): string {
  return entryUse(entry, request, { now, ignoreNoCache: false });
}

const MAX_AGE: HeaderList = [['Cache-Control', 'max-age=60']];
const ETAG: HeaderList = [['ETag', '"a"']];

describe('the state of an entry', () => {
  it('is fresh until its lifetime has passed, then to be revalidated, or a miss without validators', () => {
    const both = head([...MAX_AGE, ...ETAG]);
    expect(use(both, [], NOW + 59_999)).toBe('fresh');
    expect(use(both, [], NOW + 60_000)).toBe('revalidate');
    expect(use(head(MAX_AGE), [], NOW + 60_000)).toBe('miss');
    expect(freshForMs(both, NOW + 59_500)).toBe(500);
    expect(freshForMs(both, NOW + 60_500)).toBe(0);
  });

  it.each([
    ['no-cache', 'revalidate'],
    ['max-age=0', 'revalidate'],
    ['max-age=5', 'revalidate'],
    ['min-fresh=55', 'revalidate'],
    ['max-age=10', 'fresh'],
  ])('after 10 s for a request with Cache-Control: %s is %s', (value, state) => {
    expect(use(head([...MAX_AGE, ...ETAG]), [['Cache-Control', value]], NOW + 10_000)).toBe(state);
  });

  it('takes the default lifetime only where the response is silent', () => {
    const policy = { ...DEFAULT_POLICY, defaultTtlS: 30 };
    expect(use(head([], { policy }), [], NOW + 29_999)).toBe('fresh');
    expect(use(head([], { policy }), [], NOW + 30_000)).toBe('miss');
    const speaks: HeaderList[] = [
      [['Cache-Control', 'max-age=0']],
      [['Cache-Control', 'no-cache']],
      [['Pragma', 'no-cache']],
      [['Expires', '0']],
    ];
    for (const said of speaks) expect(use(head([...said, ...ETAG], { policy }), [], NOW)).toBe('revalidate');
  });

  it('is kept for its lifetime and an hour more, a week at most', () => {
    expect(retentionMs(head(MAX_AGE))).toBe(HOUR_MS + 60_000);
    expect(retentionMs(head([['Cache-Control', 'max-age=7200']]))).toBe(3 * HOUR_MS);
    expect(retentionMs(head([['Cache-Control', 'max-age=99999999']]))).toBe(7 * 24 * HOUR_MS);
  });
});

describe('the plan for a response', () => {
  const limits = { entryBytesMax: 1000, partitionBytes: 100, partitionsMax: 5 };
  const plan = (headers: HeaderList, rest: Partial<JudgedHead> = {}, bodyBytes = 10): string =>
    planResponse(
      head(headers, rest),
      { framing: 'length', bodyBytes },
      { sent: [], limits, closeDelimited: 'relay', isOpen: false, stands: false },
    ).plan;

  it('stores what may be used again and fits', () => {
    expect(plan(MAX_AGE)).toBe('store');
    expect(plan(MAX_AGE, {}, 501)).toBe('too-large');
    expect(
      planResponse(
        head(MAX_AGE),
        { framing: 'close', bodyBytes: undefined },
        { sent: [], limits, closeDelimited: 'relay', isOpen: false, stands: false },
      ),
    ).toEqual({ plan: 'relay', refusal: 'close-delimited' });
  });

  it.each([
    [[['Set-Cookie', 'a=b'] as const]],
    [[['Cache-Control', 'private'] as const]],
    [[['Cache-Control', 'no-store'] as const]],
    [[['Vary', 'Cookie'] as const]],
  ])('gives %j to one caller alone', (headers) => {
    expect(plan([...MAX_AGE, ...headers])).toBe('one-only');
  });

  it('passes errors, and what cannot be used again, to all who wait', () => {
    expect(plan([], { status: 503 })).toBe('relay');
    expect(plan([['Cache-Control', 'no-store']], { status: 503 })).toBe('relay');
    expect(plan([['Cache-Control', 'private']], { status: 503 })).toBe('one-only');
    // What names its lifetime may be kept: https://www.rfc-editor.org/rfc/rfc9111#section-3
    expect(plan(MAX_AGE, { status: 503 })).toBe('store');
    expect(plan([], { status: 404 })).toBe('relay');
    expect(plan([])).toBe('relay');
  });
});

describe('the head of an answer', () => {
  it('carries age, length, Via and Cache-Status behind those of earlier caches', () => {
    const stored = head([
      ...MAX_AGE,
      ['age', '5'],
      ['via', '1.1 cdn'],
      ['cache-status', 'cdn; hit'],
      ['content-length', '999'],
    ]);
    const { headers } = answerHead(stored, { now: NOW + 2000, outcome: 'hit', bodyBytes: 3 });
    expect(headers).toEqual([
      ['Cache-Control', 'max-age=60'],
      ['via', '1.1 cdn'],
      ['via', '1.1 pannier-server'],
      ['age', '7'],
      ['cache-status', 'cdn; hit, pannier-server; hit; ttl=53'],
      ['content-length', '3'],
    ]);
  });

  it('is a 304 for a caller who has this version', () => {
    const facts = { now: NOW, outcome: 'hit', bodyBytes: undefined } as const;
    const stored = head([...MAX_AGE, ...ETAG, ['content-type', 'text/plain']]);
    expect(notModifiedHead(stored, get([['If-None-Match', '"b"']]), facts)).toBeUndefined();
    const { status, headers } = notModifiedHead(stored, get([['If-None-Match', '"a"']]), facts) ?? {};
    expect(status).toBe(304);
    expect(headers?.map(([name]) => name)).toEqual(['Cache-Control', 'ETag', 'via', 'age', 'cache-status']);
  });
});
