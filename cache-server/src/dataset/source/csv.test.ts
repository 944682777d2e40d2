import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { RecordValue } from '@pannier/proto/partition-format';
import { DatasetError } from '../dataset-error.ts';
import { CsvSource } from './csv.ts';
import type { CsvOptions } from './csv.ts';
import { chunkLengths, mutation, readChunked } from './json-document.fixture.ts';

const LIMITS = { recordBytesMax: 1000, decompressedBytesMax: 1024 ** 3 };

async function read(
  document: string | Buffer,
  options: Partial<CsvOptions> = {},
  lengths?: readonly number[],
): Promise<RecordValue[]> {
  const source = new CsvSource({ delimiter: ',', quote: '"', ...options }, LIMITS);
  return await readChunked(source, Buffer.from(document), lengths);
}

function quoted(field: string, { delimiter, quote }: CsvOptions): string {
  const needs = [delimiter, quote, '\n', '\r'].some((one) => field.includes(one));
  return needs ? quote + field.replaceAll(quote, quote + quote) + quote : field;
}

const field = fc.oneof(
  fc.string({ unit: 'grapheme', maxLength: 6 }),
  fc.constantFrom('', ',', ';', '"', "'", '\n', '\r\n', 'ž😀', ' a '),
);
const names = fc.uniqueArray(fc.stringMatching(/^[a-zž]{1,5}$/), { minLength: 2, maxLength: 4 });

describe('the records of CSV', () => {
  it('are its rows, however it is written and cut', async () => {
    const writing = fc.record({
      delimiter: fc.constantFrom(',', ';', '\t', '||'),
      quote: fc.constantFrom('"', "'"),
    });
    const table = names.chain((columns) => {
      const row = fc.array(field, { minLength: columns.length, maxLength: columns.length });
      return fc.record({ columns: fc.constant(columns), rows: fc.array(row, { maxLength: 6 }) });
    });
    const ends = fc.record({
      lineEnd: fc.constantFrom('\n', '\r\n', '\r'),
      hasLast: fc.boolean(),
      declares: fc.boolean(),
    });
    await fc.assert(
      fc.asyncProperty(
        table,
        writing,
        ends,
        chunkLengths,
        async ({ columns, rows }, options, how, lengths) => {
          const all = how.declares ? rows : [columns, ...rows];
          const lines = all.map((row) => row.map((one) => quoted(one, options)).join(options.delimiter));
          const text = lines.join(how.lineEnd) + (how.hasLast && lines.length > 0 ? how.lineEnd : '');
          const found = await read(text, { ...options, ...(how.declares && { columns }) }, lengths);
          const expected = rows.map((row) => Object.fromEntries(columns.map((name, at) => [name, row[at]])));
          expect(found).toEqual(expected);
        },
      ),
      { numRuns: 500 },
    );
  });

  it('are rows of texts or refused when the document is damaged', async () => {
    const document = Buffer.from('name,place,at\n"a, b",ž,1\n\nc,"d ""e""",2\nf,"g\nh",3\n');
    const damages = fc.array(mutation, { minLength: 1, maxLength: 3 });
    await fc.assert(
      fc.asyncProperty(damages, chunkLengths, async (changes, lengths) => {
        const bytes = changes.reduce<Buffer>((damaged, change) => change(damaged), document);
        const [inPieces, atOnce] = await Promise.all(
          [lengths, [bytes.length]].map((cut) => read(bytes, {}, cut).catch((error: unknown) => error)),
        );
        if (atOnce instanceof DatasetError) expect(inPieces).toBeInstanceOf(DatasetError);
        else expect(inPieces).toEqual(atOnce);
      }),
      { numRuns: 500 },
    );
  });

  it('may have lines that end in several ways, blank ones and a byte order mark', async () => {
    expect(await read('\ufeffa,b\n1,2\r\n\r\n3,4\r5,6\n\n')).toEqual([
      { a: '1', b: '2' },
      { a: '3', b: '4' },
      { a: '5', b: '6' },
    ]);
    expect(await read('a,b\n')).toEqual([]);
    expect(await read('', { columns: ['a', 'b'] })).toEqual([]);
  });

  it.each<[document: string | Buffer, message: RegExp]>([
    ['', /the document is empty: it has no row of names/],
    ['a,b\n1,2\n3\n', /malformed CSV in record 2, line 3: .*expect 2, got 1/],
    ['a,b\n1,2\n3,4,5\n', /malformed CSV in record 2, line 3: .*got 3/],
    ['a,b\n1,2\n3', /malformed CSV in record 2, line 3/],
    ['a,b\n1,"2\n', /malformed CSV in record 1, line 2: Quote Not Closed/],
    ['a,b\n1,2\n3,"4" 5\n', /malformed CSV in record 2, line 3: Invalid Closing Quote/],
    ['a,b\n1,2"3"\n', /malformed CSV in record 1, line 2: Invalid Opening Quote/],
    ['a,"b\n', /malformed CSV in the row of names/],
    ['a,b,a\n1,2,3\n', /two columns have the name "a"/],
    ['a,__proto__\n1,2\n', /a column cannot be called __proto__/],
    [`a,b\n1,2\n3,${'x'.repeat(1001)}\n`, /record 2, line 3 is over limits.recordBytesMax 1000/],
    [
      Buffer.from('a,b\n1,2\n3,\xff\n', 'latin1'),
      /malformed CSV in record 2, line 3, at byte 10: it is not UTF-8/,
    ],
    [
      Buffer.from('a,b\n1,2\n3,\xc5', 'latin1'),
      /malformed CSV in record 2, line 3, at byte 10: it is not UTF-8/,
    ],
    [
      Buffer.from('\ufeffa,b\n1,2\n', 'utf16le'),
      /malformed CSV in the row of names, at byte 0: it is not UTF-8/,
    ],
  ])('are refused in %s with their place', async (document, message) => {
    const bytes = Buffer.from(document);
    for (const lengths of [[bytes.length + 1], [1]]) {
      const error: unknown = await read(bytes, {}, lengths).catch((reason: unknown) => reason);
      expect(error).toBeInstanceOf(DatasetError);
      expect(error).toMatchObject({
        code: 'bad-document',
        message: expect.stringMatching(message) as string,
      });
    }
  });

  it('have as many fields as there are declared names', async () => {
    await expect(read('1,2,3\n', { columns: ['a', 'b'] })).rejects.toThrow(
      'malformed CSV in record 1: 3 fields in the first row, 2 names in csv.columns',
    );
  });
});
