import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { HeaderList } from './headers.ts';
import { formatHttpDate } from './http-date.ts';
import { contentPart, headOfWhole, isWholeContent, singleRange } from './partial-content.ts';
import { DEFAULT_POLICY } from './policy.ts';
import { contentRange, parseRanges } from './ranges.ts';
import { mayStore } from './storing.ts';
import { haveSameBytes, strongValidator } from './strong-validator.ts';

const NOW = Date.UTC(2026, 0, 1);
const at = (seconds: number): string => formatHttpDate(NOW + seconds * 1000);

describe('the one range that a request asks for', () => {
  it.each([
    ['bytes=0-99', 'bytes=0-99'],
    ['BYTES=000-0099', 'bytes=0-99'],
    ['bytes=100-', 'bytes=100-'],
    ['bytes=-5', 'bytes=-5'],
    ['bytes=-005', 'bytes=-5'],
  ])('%s is written as %s', (value, written) => {
    expect(singleRange([['Range', value]])).toBe(written);
  });

  it.each([
    'bytes=0-1,2-3',
    'bytes=5-4',
    'bytes=-',
    'bytes=-0',
    'bytes= 0-1',
    'lines=1-2',
    '0-1',
    `bytes=${'9'.repeat(17)}-`,
    `bytes=-${'9'.repeat(17)}`,
    '',
  ])('%s is none', (value) => {
    expect(singleRange([['Range', value]])).toBeUndefined();
  });

  it('is none where the field is missing or there twice', () => {
    expect(singleRange([])).toBeUndefined();
    const twice = [
      ['Range', 'bytes=0-1'],
      ['range', 'bytes=0-1'],
    ] as const;
    expect(singleRange(twice)).toBeUndefined();
  });

  it('asks for the same bytes however it was written', () => {
    fc.assert(
      fc.property(fc.nat(120), fc.option(fc.nat(120)), (one, other) => {
        const value = other === null ? `bytes=-${one}` : `bytes=0${one}-${other}`;
        const written = singleRange([['range', value]]);
        if (written !== undefined) expect(parseRanges(written, 100)).toEqual(parseRanges(value, 100));
      }),
    );
  });
});

describe('the part that a 206 carries', () => {
  const part = (value: string, bodyBytes?: number, status = 206): unknown =>
    contentPart({ status, headers: [['Content-Range', value]] }, bodyBytes);

  it('is what Content-Range says, if the body is as long', () => {
    const found = { first: 5, last: 9, completeBytes: 20 };
    expect(part('bytes 5-9/20', 5)).toEqual(found);
    expect(part('bytes 5-9/20')).toEqual(found);
    expect(part(contentRange(5, 9, 20), 5)).toEqual(found);
    expect(isWholeContent({ first: 0, last: 19, completeBytes: 20 })).toBe(true);
    expect(isWholeContent({ first: 0, last: 18, completeBytes: 20 })).toBe(false);
    expect(isWholeContent({ first: 1, last: 19, completeBytes: 20 })).toBe(false);
  });

  it.each([
    ['bytes 4-9/10', 5],
    ['bytes 5-4/10', 0],
    ['bytes 5-10/10', 6],
    ['bytes 0-4/*', 5],
    ['bytes */10', 0],
    ['bytes=0-4/10', 5],
    ['lines 0-4/10', 5],
    ['bytes 0-4/10, bytes 0-4/10', 5],
    ['bytes 0-4/99999999999999999', 5],
    ['', 5],
  ])('is none where it says "%s" of %d bytes', (value, bodyBytes) => {
    expect(part(value, bodyBytes)).toBeUndefined();
  });

  it('is none of any other status', () => {
    expect(part('bytes 5-9/20', 5, 200)).toBeUndefined();
    expect(part('bytes 5-9/20', 5, 416)).toBeUndefined();
  });
});

describe('a strong validator', () => {
  const dated = (seconds: number): HeaderList => [
    ['Last-Modified', at(-seconds)],
    ['Date', at(0)],
  ];

  it('is a strong tag, or a date that is a minute older than the response', () => {
    expect(strongValidator([['ETag', '"a"']])).toBe('"a"');
    expect(strongValidator(dated(60))).toBe(at(-60));
    for (const headers of [[], dated(59), [['ETag', 'W/"a"']], [['ETag', 'a']], [['Last-Modified', at(-60)]]])
      expect(strongValidator(headers as HeaderList)).toBeUndefined();
  });

  it('is not a date beside a weak tag', () => {
    expect(strongValidator([...dated(3600), ['ETag', 'W/"a"']])).toBeUndefined();
  });

  it('tells the bytes of one version from those of another', () => {
    expect(haveSameBytes([['ETag', '"a"']], [['etag', '"a"']])).toBe(true);
    expect(haveSameBytes(dated(60), dated(60))).toBe(true);
    expect(haveSameBytes([['ETag', '"a"']], [['ETag', '"b"']])).toBe(false);
    expect(haveSameBytes([['ETag', '"a"']], [['ETag', 'W/"a"']])).toBe(false);
    expect(haveSameBytes([], [])).toBe(false);
    expect(haveSameBytes([...dated(60), ['ETag', '"a"']], dated(60))).toBe(false);
  });
});

describe('the head of the whole', () => {
  const TAGGED: HeaderList = [
    ['Cache-Control', 'max-age=60'],
    ['ETag', '"a"'],
    ['Content-Range', 'bytes 0-1/4'],
  ];

  it('has nothing that only the part has', () => {
    const { status, headers } = headOfWhole({
      status: 206,
      headers: [...TAGGED, ['Content-Length', '2'], ['Content-Digest', 'sha-256=:x:']],
    });
    expect([status, headers]).toEqual([200, TAGGED.slice(0, 2)]);
  });

  it('decides whether the part may be stored', () => {
    const storable = (headers: HeaderList): unknown =>
      mayStore({ method: 'GET', headers: [] }, headOfWhole({ status: 206, headers }), {
        policy: DEFAULT_POLICY,
        now: NOW,
      });
    expect(storable(TAGGED)).toEqual({ storable: true });
    expect(storable([...TAGGED, ['Cache-Control', 'private']])).toMatchObject({ reason: 'private' });
    expect(storable([...TAGGED, ['Cache-Control', 'no-store']])).toMatchObject({ reason: 'no-store' });
    expect(storable([...TAGGED, ['Set-Cookie', 'a=b']])).toMatchObject({ reason: 'set-cookie' });
  });
});
