import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { RecordValue } from '@pannier/proto/partition-format';
import { DatasetError } from '../dataset-error.ts';
import { chunkLengths, jsonText, mutation, plainParse, readChunked } from './json-document.fixture.ts';
import { NdjsonSource } from './ndjson.ts';

const LIMITS = { recordBytesMax: 1024 * 1024, decompressedBytesMax: 1024 ** 3 };

async function read(document: string | Buffer, lengths?: number[]): Promise<RecordValue[]> {
  return await readChunked(new NdjsonSource(LIMITS), Buffer.from(document), lengths);
}

/** Each line by itself; undefined when one of them is no JSON. */
function plainLines(bytes: Buffer): RecordValue[] | undefined {
  const records: RecordValue[] = [];
  for (let at = 0; at <= bytes.length;) {
    const end = bytes.indexOf('\n', at);
    const line = bytes.subarray(at, end < 0 ? bytes.length : end);
    at = end < 0 ? bytes.length + 1 : end + 1;
    if (/^[ \t\r]*$/.test(line.toString('latin1'))) continue;
    try {
      records.push(plainParse(line));
    } catch {
      return undefined;
    }
  }
  return records;
}

// Blanks between a value's tokens may be line ends, which a line has not.
const line = jsonText.map((text) => text.replaceAll(/[\r\n]/g, ' '));
const lineEnd = fc.constantFrom('\n', '\n', '\r\n', '\n\n', '\n \t\r\n');

describe('the records of NDJSON', () => {
  it('are its lines, however the bytes are cut and the lines end', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(line),
        lineEnd,
        fc.boolean(),
        chunkLengths,
        async (lines, end, isLast, cuts) => {
          const text = lines.join(end) + (isLast ? end : '');
          expect(await read(text, cuts)).toStrictEqual(lines.map((one) => plainParse(Buffer.from(one))));
        },
      ),
      { numRuns: 1000 },
    );
  });

  it('are right or refused when the document is damaged, as JSON.parse decides line by line', async () => {
    const damages = fc.array(mutation, { minLength: 1, maxLength: 3 });
    await fc.assert(
      fc.asyncProperty(
        fc.array(line, { minLength: 1 }),
        damages,
        chunkLengths,
        async (lines, changes, cuts) => {
          const bytes = changes.reduce<Buffer>(
            (damaged, change) => change(damaged),
            Buffer.from(lines.join('\n')),
          );
          const expected = plainLines(bytes);
          const found = await read(bytes, cuts).catch((error: unknown) => error);
          if (!(found instanceof DatasetError)) expect(found).toStrictEqual(expected);
          else
            expect(expected === undefined || found.message.includes('__proto__'), found.message).toBe(true);
        },
      ),
      { numRuns: 3000 },
    );
  });

  it.each<[document: string | Buffer, message: RegExp]>([
    ['{"a":1}\n{"a":tru}\n{"a":3}', /malformed JSON in record 2, at byte 8/],
    ['{"a":1}\n\r\n\n{"a":2', /malformed JSON in record 2, at byte 11/],
    ['1\n2,3\n4', /in record 2 \(line 2\), at byte 2: something follows the value/],
    ['1\n2]\n', /in record 2 \(line 2\), at byte 2: something follows the value/],
    ['1\n\n2 3', /malformed JSON in record 2, at byte 3/],
    // Four values on four lines, if lines were but blanks.
    ['{"a":1\n"b":2},3\n4', /malformed JSON in record 1, at byte 0/],
    ['[1\n2]\n3,4', /malformed JSON in record 1, at byte 0/],
    ['"a\nb"', /malformed JSON in record 1, at byte 0/],
    ['\ufeff1\n2', /malformed JSON in record 1, at byte 0/],
    [Buffer.from('1\n"\xff"\n', 'latin1'), /record 2, at byte 2: it is not UTF-8/],
    ['1\n{"a":{"__proto__":{}}}', /record 2: a field cannot be called __proto__/],
    [`1\n${'['.repeat(1001)}${']'.repeat(1001)}`, /record 2 \(line 2\), at byte 2: nested deeper than 1000/],
  ])('are refused in %s with their place', async (document, message) => {
    const bytes = Buffer.from(document);
    for (const lengths of [[bytes.length], [1]]) {
      const error: unknown = await read(bytes, lengths).catch((reason: unknown) => reason);
      expect(error).toBeInstanceOf(DatasetError);
      expect(error).toMatchObject({
        code: 'bad-document',
        message: expect.stringMatching(message) as string,
      });
    }
  });

  it('may be as long as the limit and no byte longer', async () => {
    const limits = { ...LIMITS, recordBytesMax: 20 };
    const fits = `"${'x'.repeat(18)}"`;
    for (const lengths of [[1], [7], [1000]]) {
      const bytes = Buffer.from(`${fits}\n\n${fits}\r\n${fits}`);
      expect(await readChunked(new NdjsonSource(limits), bytes, lengths)).toHaveLength(3);
      const over = Buffer.from(`1\n\n"${'x'.repeat(19)}"\n3`);
      await expect(readChunked(new NdjsonSource(limits), over, lengths)).rejects.toThrow(
        'record 2 (line 3) is over limits.recordBytesMax 20',
      );
    }
  });

  it('are copied once each byte, however small the chunks', async () => {
    const record = { text: 'x'.repeat(200_000) };
    expect(await read(`${JSON.stringify(record)}\n${JSON.stringify(record)}`, [1])).toStrictEqual([
      record,
      record,
    ]);
  });
});
