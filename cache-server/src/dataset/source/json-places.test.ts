import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { jsonText } from './json-document.fixture.ts';
import { JsonPlaces } from './json-places.ts';
import { pointerValue } from './json-pointer.ts';

const MANY = 2 ** 20;

function find(text: string, pointers: string[], length = 65_536): JsonPlaces['places'] {
  const places = new JsonPlaces(pointers, MANY);
  const bytes = Buffer.from(text);
  for (let at = 0; at < bytes.length; at += length) {
    // The memory of a chunk is its owner's again as soon as it was pushed.
    const chunk = Buffer.from(bytes.subarray(at, at + length));
    places.push(chunk);
    chunk.fill(0x7b);
  }
  return places.places;
}

/** Pointers to all values of a document. */
function* pointersTo(value: unknown, pointer = ''): Generator<string> {
  yield pointer;
  if (typeof value !== 'object' || value === null) return;
  for (const [name, inner] of Object.entries(value))
    yield* pointersTo(inner, `${pointer}/${name.replaceAll('~', '~0').replaceAll('/', '~1')}`);
}

function expected(value: unknown): unknown {
  if (Array.isArray(value)) return { json: '[', elements: value.length };
  if (typeof value === 'object' && value !== null) return { json: '{', elements: 0 };
  return { json: value, elements: 0 };
}

describe('places of a JSON document', () => {
  it('are found as JSON.parse and a pointer find them, however the document is cut into chunks', () => {
    const check = fc.property(jsonText, fc.integer({ min: 1, max: 40 }), (text, length) => {
      const document: unknown = JSON.parse(text);
      // A number or a literal that is the whole document has no end to be known by.
      if (typeof document !== 'object' || document === null) return;
      const pointers = [...pointersTo(document), '/nowhere', '/0/nowhere'];
      for (const { pointer, json, elements } of find(text, pointers, length)) {
        const value = pointerValue(document, pointer);
        const isScalar = json !== undefined && json !== '{' && json !== '[';
        const found: unknown = isScalar ? JSON.parse(json) : json;
        expect({ json: found, elements }, pointer).toEqual(expected(value));
      }
    });
    fc.assert(check, { numRuns: 1000 });
  });

  it('have the digits that the document has', () => {
    const [integer, decimal] = find('{"a":9007199254740993 , "b":[1.50]}', ['/a', '/b/0']);
    expect([integer?.json, decimal?.json]).toEqual(['9007199254740993', '1.50']);
  });

  it('are those of the last of two members of a name', () => {
    const [next, items] = find('{"m":{"n":1},"i":[1,2],"m":{},"i":[3]}', ['/m/n', '/i']);
    expect([next?.json, items?.elements]).toEqual([undefined, 1]);
  });

  it('are counted in documents of any shape without holding them', () => {
    const [items] = find(`{"items":[${'{"a":[1,{"b":",]"}]},'.repeat(999)}null],"z":0}`, ['/items'], 7);
    expect(items?.elements).toBe(1000);
  });

  it('end with any text, malformed or not', () => {
    const check = fc.property(fc.string(), fc.integer({ min: 1, max: 5 }), (text, length) => {
      find(`{"a":${text}`, ['/a', '', '/b/0'], length);
      find(text, ['/a', ''], length);
    });
    fc.assert(check, { numRuns: 1000 });
    find(`{"a":${'['.repeat(5000)}`, ['/b']);
  });

  it('are refused where a name or scalar is over the limit', () => {
    const places = new JsonPlaces(['/next'], 100);
    expect(() => places.push(Buffer.from(`{"next":"${'x'.repeat(200)}`))).toThrow(/recordBytesMax 100/);
  });
});
