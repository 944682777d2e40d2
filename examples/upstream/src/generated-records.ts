import { seededRandom } from './seeded-random.ts';

/** Width of one record, its leading comma and its line end included. */
export const recordBytes = 128;
/** A stretch of records that repeats, but for the id that each one is stamped with. */
export const templateBytes = 1024 * 1024;

const idAt = ',{"id":'.length;
const idDigits = 12;
const countries = ['CZ', 'FR', 'DE', 'IN', 'US', 'BR', 'JP', 'NG', 'PL', 'PT'];
const syllables = [
  'ba',
  'ko',
  'li',
  'mer',
  'no',
  'sta',
  'vil',
  'ra',
  'ton',
  'grad',
  'sur',
  'que',
  'dal',
  'wik',
];
const zeroDigit = 0x30;

/** A template takes milliseconds to write; the last few seeds are kept. */
const templatesMax = 4;
const templateBySeed = new Map<number, Buffer>();

function recordText(random: () => number): string {
  const pick = (list: readonly string[]): string => list[Math.floor(random() * list.length)] ?? '';
  const name = pick(syllables) + pick(syllables) + pick(syllables);
  const lat = (random() * 180 - 90).toFixed(5);
  const lng = (random() * 360 - 180).toFixed(5);
  const head = `,{"id":${' '.repeat(idDigits)},"name":"${name}","country":"${pick(countries)}","lat":"${lat}","lng":"${lng}","note":"`;
  const noteBytes = recordBytes - head.length - '"}\n'.length;
  let note = '';
  while (note.length < noteBytes) note += `${pick(syllables)} `;
  return `${head}${note.slice(0, noteBytes)}"}\n`;
}

/** One template of records with blank ids, a pure function of the seed. */
export function createRecordTemplate(seed: number): Buffer {
  const kept = templateBySeed.get(seed);
  if (kept !== undefined) return kept;
  const random = seededRandom(seed);
  const records = Array.from({ length: templateBytes / recordBytes }, () => recordText(random));
  const template = Buffer.from(records.join(''), 'latin1');
  const oldest = templateBySeed.keys().next().value;
  if (templateBySeed.size >= templatesMax && oldest !== undefined) templateBySeed.delete(oldest);
  templateBySeed.set(seed, template);
  return template;
}

/** Writes the id of the record at `at`, right-aligned in its blanks: JSON allows spaces there but no leading zeros. */
export function stampRecord(block: Buffer, at: number, id: number): void {
  let rest = id;
  let column = at + idAt + idDigits - 1;
  do {
    const quotient = Math.floor(rest / 10);
    block[column] = zeroDigit + rest - quotient * 10;
    column -= 1;
    rest = quotient;
  } while (rest > 0);
}
