import { describe, expect, test } from 'vitest';
import { evaluatePreconditions, ifRangeHolds } from './preconditions.ts';

const lastModifiedMs = Date.UTC(2026, 5, 1, 12);
const date = (offsetMs: number): string => new Date(lastModifiedMs + offsetMs).toUTCString();
const validators = { etag: '"a"', lastModifiedMs };

describe('preconditions', () => {
  test.each([
    [{ 'if-none-match': '"a"' }, 304],
    [{ 'if-none-match': '"b", W/"a"' }, 304],
    [{ 'if-none-match': '*' }, 304],
    [{ 'if-none-match': '"b"' }, 'proceed'],
    [{ 'if-none-match': 'a' }, 'proceed'],
    [{ 'if-modified-since': date(0) }, 304],
    [{ 'if-modified-since': date(1000) }, 304],
    [{ 'if-modified-since': date(-1000) }, 'proceed'],
    [{ 'if-modified-since': 'yesterday' }, 'proceed'],
    [{ 'if-match': '"a"' }, 'proceed'],
    [{ 'if-match': '"b"' }, 412],
    [{ 'if-match': 'W/"a"' }, 412],
    [{ 'if-unmodified-since': date(-1000) }, 412],
    [{ 'if-unmodified-since': date(0) }, 'proceed'],
    [{}, 'proceed'],
  ] as const)('%o is judged %s', (headers, verdict) => {
    expect(evaluatePreconditions(headers, validators)).toBe(verdict);
  });

  test('an If-None-Match that does not match outweighs the date', () => {
    const headers = { 'if-none-match': '"b"', 'if-modified-since': date(0) };
    expect(evaluatePreconditions(headers, validators)).toBe('proceed');
  });

  test('a resource without validators has changed for everybody', () => {
    const headers = { 'if-none-match': '"a"', 'if-modified-since': date(0) };
    expect(evaluatePreconditions(headers, {})).toBe('proceed');
  });
});

describe('If-Range', () => {
  const later = lastModifiedMs + 1000;

  test.each([
    [undefined, later, true],
    ['"a"', later, true],
    ['"b"', later, false],
    ['W/"a"', later, false],
    [date(0), later, true],
    [date(0), lastModifiedMs, false],
    [date(1000), later, false],
    ['nonsense', later, false],
  ])('%s at %d holds: %s', (field, nowMs, holds) => {
    expect(ifRangeHolds(field === undefined ? {} : { 'if-range': field }, validators, nowMs)).toBe(holds);
  });

  test('a weak tag of ours matches nothing', () => {
    expect(ifRangeHolds({ 'if-range': 'W/"a"' }, { etag: 'W/"a"' }, later)).toBe(false);
  });
});
