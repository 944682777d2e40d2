/** JSON documents as people and machines write them, and what a plain JSON.parse makes of them. */
import fc from 'fast-check';
import { numberFromText } from '@pannier/proto/partition-format';
import type { RecordValue } from '@pannier/proto/partition-format';
import type { RecordSource } from './record-source.ts';

const number = fc.oneof(
  fc.integer().map(String),
  fc.double({ noNaN: true, noDefaultInfinity: true }).map(String),
  fc.bigInt({ min: -(2n ** 70n), max: 2n ** 70n }).map(String),
  fc.constantFrom('-0', '0.0', '1e400', '-1E-400', '1e5', '9007199254740993', '0.10000000000000000001'),
);
const string = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 8 }),
  fc.constantFrom(
    '},{',
    '"],[',
    '\\',
    '12345678901234567890',
    ': 12345678901234567890 ,',
    'ž',
    '\u2028',
    '😀',
  ),
);
const blank = fc.constantFrom('', '', '', ' ', '\n', '\r\n\t');

/** The text of any JSON value, with blanks where they may stand. */
export const jsonText: fc.Arbitrary<string> = fc.letrec<{ value: string }>((tie) => {
  const listOf = (item: fc.Arbitrary<string>, open: string, close: string): fc.Arbitrary<string> =>
    fc.tuple(fc.array(item, { maxLength: 4 }), blank, blank).map(([items, before, after]) => {
      return open + before + items.join(`${after},${before}`) + after + close;
    });
  const member = fc
    .tuple(fc.oneof(string, fc.constantFrom('a', 'data')), blank, tie('value'))
    .map(([name, between, value]) => `${JSON.stringify(name)}${between}:${between}${value}`);
  const value = fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    number,
    string.map((text) => JSON.stringify(text)),
    fc.constantFrom('null', 'true', 'false', '""', '{}', '[]', String.raw`"\u00e9\ud83d\ude00\n"`),
    listOf(member, '{', '}'),
    listOf(tie('value'), '[', ']'),
  );
  return { value };
}).value;

/** The text of a list, beside how it is cut into chunks. */
export const jsonList: fc.Arbitrary<string> = fc
  .tuple(fc.array(jsonText, { maxLength: 8 }), blank)
  .map(([values, between]) => `[${values.join(`${between},${between}`)}${between}]`);

/** Lengths of chunks; the last one is used for what is left. */
export const chunkLengths = fc.array(fc.integer({ min: 1, max: 12 }), { minLength: 1, maxLength: 20 });

/** JSON.parse of the whole, losing no digit. @throws SyntaxError, TypeError when it is not UTF-8 */
export function plainParse(bytes: Uint8Array): RecordValue {
  const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  const keepNumber = (_: string, value: unknown, context?: { source?: string }): unknown =>
    typeof value === 'number' && context?.source !== undefined ? numberFromText(context.source) : value;
  return JSON.parse(text, keepNumber) as RecordValue;
}

/** All records of a document that arrives in such chunks. */
export async function readChunked(
  source: RecordSource,
  bytes: Buffer,
  lengths: readonly number[] = [bytes.length],
): Promise<RecordValue[]> {
  const records: RecordValue[] = [];
  for (let [at, index] = [0, 0]; at < bytes.length; index += 1) {
    const length = lengths[Math.min(index, lengths.length - 1)] ?? 1;
    // A copy that is wiped afterwards: nothing may hold on to a chunk.
    const chunk = Buffer.from(bytes.subarray(at, at + length));
    records.push(...(await source.push(chunk)));
    chunk.fill(0);
    at += Math.max(1, length);
  }
  records.push(...(await source.end()));
  return records;
}

/** A byte changed, dropped or put in, or the end cut off. */
export const mutation = fc
  .tuple(
    fc.constantFrom('replace', 'drop', 'insert', 'cut', 'double'),
    fc.nat(),
    fc.oneof(fc.constantFrom(...Buffer.from('[]{}",:\\0e-. \n')), fc.integer({ min: 0, max: 255 })),
  )
  .map(([kind, place, byte]) => (bytes: Buffer): Buffer => {
    const at = bytes.length === 0 ? 0 : place % bytes.length;
    const [before, after] = [bytes.subarray(0, at), bytes.subarray(at)];
    switch (kind) {
      case 'replace':
        return Buffer.concat([before, Buffer.of(byte), after.subarray(1)]);
      case 'drop':
        return Buffer.concat([before, after.subarray(1)]);
      case 'insert':
        return Buffer.concat([before, Buffer.of(byte), after]);
      case 'cut':
        return Buffer.from(before);
      default:
        return Buffer.concat([bytes, after]);
    }
  });
