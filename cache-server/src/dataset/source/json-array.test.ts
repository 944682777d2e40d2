import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { RecordValue } from '@pannier/proto/partition-format';
import { DatasetError } from '../dataset-error.ts';
import { JsonArraySource } from './json-array.ts';
import {
  chunkLengths,
  jsonList,
  jsonText,
  mutation,
  plainParse,
  readChunked,
} from './json-document.fixture.ts';
import { pointerValue } from './json-pointer.ts';

const LIMITS = { recordBytesMax: 1024 * 1024, decompressedBytesMax: 1024 ** 3 };

async function read(document: string | Buffer, pointer = '', lengths?: number[]): Promise<RecordValue[]> {
  return await readChunked(new JsonArraySource(pointer, LIMITS), Buffer.from(document), lengths);
}

/** What a plain parse finds at the pointer; undefined when it is no list, or the text no JSON. */
function plainList(bytes: Buffer, pointer: string): RecordValue[] | undefined {
  try {
    const list = pointerValue(plainParse(bytes), pointer);
    return Array.isArray(list) ? (list as RecordValue[]) : undefined;
  } catch {
    return undefined;
  }
}

describe('the records of a JSON array', () => {
  it('are what JSON.parse finds, however the bytes are cut', async () => {
    await fc.assert(
      fc.asyncProperty(jsonList, chunkLengths, async (text, lengths) => {
        expect(await read(text, '', lengths)).toStrictEqual(plainParse(Buffer.from(text)));
      }),
      { numRuns: 1000 },
    );
  });

  it('are found behind names and indices, with anything around them', async () => {
    const shape = fc.constantFrom<[string, (list: string, other: string) => string]>(
      ['/data', (list, other) => `{"x": ${other} ,"data":${list},"y":[${other}]}`],
      ['/a~1b/~0', (list, other) => `{"a":{"~":${other}},"a\\/b":{"!":${other},"~" : ${list}}}`],
      ['/1/items/0', (list, other) => `[${other},{"n":${other},"items":[${list},${other}]} , ${other}]`],
      ['/0', (list, other) => ` [ ${list} , ${other}, ${other}]\n`],
      ['/', (list, other) => `{"data":{"":${other}}, "" : ${list}}`],
    );
    await fc.assert(
      fc.asyncProperty(
        shape,
        jsonList,
        jsonText,
        chunkLengths,
        async ([pointer, write], list, other, lengths) => {
          expect(await read(write(list, other), pointer, lengths)).toStrictEqual(
            plainParse(Buffer.from(list)),
          );
        },
      ),
      { numRuns: 1000 },
    );
  });

  it('are right or refused when the document is damaged, as JSON.parse decides', async () => {
    const places = fc.constantFrom<[string, string, string]>(
      ['', '', ''],
      ['/data', '{"a": [1, {"b": "c"}], "data":', ', "d": -1.5e3}'],
      ['/1/x', '[true, {"x":', '}]'],
    );
    const damages = fc.array(mutation, { minLength: 1, maxLength: 3 });
    await fc.assert(
      fc.asyncProperty(places, jsonList, damages, chunkLengths, async (place, list, changes, lengths) => {
        const [pointer, before, after] = place;
        const whole = Buffer.from(before + list + after);
        const bytes = changes.reduce<Buffer>((damaged, change) => change(damaged), whole);
        const expected = plainList(bytes, pointer);
        const found = await read(bytes, pointer, lengths).catch((error: unknown) => error);
        // A member that stands twice is refused, and so are __proto__ and a document that JSON.parse refuses.
        if (found instanceof DatasetError) {
          const isOurs = /stands twice|__proto__/.test(found.message);
          expect(expected === undefined || isOurs, found.message).toBe(true);
        } else expect(found).toStrictEqual(expected);
      }),
      { numRuns: 3000 },
    );
  });

  it.each<[document: string | Buffer, pointer: string, message: RegExp]>([
    ['', '', /the document is not a JSON array/],
    ['  {"a":1}', '', /the document is not a JSON array/],
    ['12', '', /the document is not a JSON array/],
    ['{"a":1}', '/data', /what stands at \/data is not a JSON array/],
    ['{"data":{"0":[1]}}', '/data', /what stands at \/data is not a JSON array/],
    ['[[1],[2]]', '/01', /what stands at \/01 is not a JSON array/],
    ['[1,2', '', /breaks off in record 2, after byte 4/],
    ['[1,2]', '/x', /what stands at \/x is not a JSON array/],
    ['{"data":[1,2],', '/data', /breaks off behind its records, after byte 14/],
    ['{"a":"b', '/data', /breaks off before its records/],
    ['[1,,2]', '', /record 2, at byte 3: nothing stands there/],
    ['[1,2,]', '', /record 3, at byte 5: nothing stands there/],
    ['[,]', '', /record 1, at byte 1: nothing stands there/],
    ['[1 2]', '', /record 1, at byte 1: /],
    ['[{"a":1}{"a":2}]', '', /record 1, at byte 1: /],
    ['[1}', '', /record 1, at byte 2: a bracket that nothing opened/],
    ['[{"a":1},{"a":tru},{"a":3}]', '', /record 2, at byte 9: /],
    ['[{"a":[1}]]', '', /record 1, at byte 1: /],
    ['[1] x', '', /at byte 4: something follows the document/],
    ['[1][2]', '', /at byte 3: something follows the document/],
    ['{"data":[1],}', '/data', /at byte 12: a name in quotes is missing/],
    ['{"a" 1,"data":[1]}', '/data', /at byte 5: a colon is missing/],
    ['{"a":xyz,"data":[1]}', '/data', /at byte 5: .*xyz/],
    ['{"a":1 "data":[1]}', '/data', /at byte 7: a comma or a closing bracket is missing/],
    ['{"a":[1},"data":[1]}', '/data', /at byte 7: a comma or a closing bracket is missing/],
    ['{"data":[1],"data":[2]}', '/data', /the member data of \/data stands twice/],
    ['{"a":{"b":[1]},"a":{}}', '/a/b', /the member a of \/a\/b stands twice/],
    ['\ufeff[1]', '', /at byte 0: it begins with a byte order mark/],
    [Buffer.from('[{"a":"ok"},{"a":"\xff"}]', 'latin1'), '', /record 2, at byte 12: it is not UTF-8/],
    [Buffer.from('{"m":"\xff","data":[1]}', 'latin1'), '/data', /at byte 5: it is not UTF-8/],
    ['[1,{"__proto__":{"isAdmin":true}}]', '', /record 2: a field cannot be called __proto__/],
    [String.raw`[{"a":[{"_\u005fproto__":1}]}]`, '', /record 1: a field cannot be called __proto__/],
    [`[1,${'['.repeat(1001)}${']'.repeat(1001)}]`, '', /record 2, at byte 1003: nested deeper than 1000/],
    [`{"a":${'['.repeat(1001)}`, '/data', /nested deeper than 1000/],
  ])('are refused in %s at "%s" with their place', async (document, pointer, message) => {
    const bytes = Buffer.from(document);
    for (const lengths of [[bytes.length + 1], [1]]) {
      const error: unknown = await read(bytes, pointer, lengths).catch((reason: unknown) => reason);
      expect(error).toBeInstanceOf(DatasetError);
      expect(error).toMatchObject({
        code: 'bad-document',
        message: expect.stringMatching(message) as string,
      });
    }
    expect(Object.hasOwn(Object.prototype, 'isAdmin')).toBe(false);
  });

  it('may be as long as the limit and no byte longer, blanks around them not counted', async () => {
    const limits = { ...LIMITS, recordBytesMax: 20 };
    const blanks = ' '.repeat(50);
    for (const lengths of [[1], [7], [1000]]) {
      const fits = Buffer.from(`[${blanks}"${'x'.repeat(18)}"${blanks.slice(0, 1)},${blanks}1]`);
      expect(await readChunked(new JsonArraySource('', limits), fits, lengths)).toHaveLength(2);
      const over = Buffer.from(`[1,"${'x'.repeat(19)}"]`);
      await expect(readChunked(new JsonArraySource('', limits), over, lengths)).rejects.toThrow(
        'record 2 is over limits.recordBytesMax 20',
      );
    }
    const outside = Buffer.from(`{"a":"${'x'.repeat(30)}","data":[1]}`);
    await expect(readChunked(new JsonArraySource('/data', limits), outside)).rejects.toThrow(
      /a text outside of the records is over limits.recordBytesMax 20/,
    );
  });

  it('are looked at once each byte, however small the chunks', async () => {
    // A scan from the record's beginning at every chunk would look at 20,000,000,000 bytes here, and not end.
    const record = { text: 'x'.repeat(200_000) };
    expect(await read(JSON.stringify([record, record]), '', [1])).toStrictEqual([record, record]);
  });

  it('share no memory with the chunks and may be strings of every kind', async () => {
    const strings = ['', 'a', 'é', 'Ā', '😀', '\u0000', 'x'.repeat(20)];
    expect(await read(JSON.stringify(strings), '', [3])).toStrictEqual(strings);
  });
});
