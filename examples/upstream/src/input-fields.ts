import { parseByteSize } from './byte-size.ts';
import { UpstreamError } from './errors.ts';

/** What a number may be; `integer` defaults to true. */
export interface NumberBounds {
  min: number;
  max: number;
  integer?: boolean;
}

function outOfBounds(
  field: string,
  value: unknown,
  { min, max, integer = true }: NumberBounds,
): UpstreamError {
  const kind = integer ? 'a whole number' : 'a number';
  return new UpstreamError(
    'bad-request',
    `${field}: ${JSON.stringify(value)} is not ${kind} from ${min} to ${max}`,
  );
}

function within(value: number, { min, max, integer = true }: NumberBounds): boolean {
  return value >= min && value <= max && (!integer || Number.isSafeInteger(value));
}

/**
 * Reads a number that came as JSON or as query text.
 * @throws UpstreamError `bad-request` that names the field
 */
export function numberField(field: string, value: unknown, bounds: NumberBounds): number {
  const number = typeof value === 'string' && /^\d+(\.\d+)?$/.test(value) ? Number(value) : value;
  if (typeof number !== 'number' || !within(number, bounds)) throw outOfBounds(field, value, bounds);
  return number;
}

/** As {@link numberField}, for bytes: `50MB` and `1GiB` are welcome too. */
export function byteCountField(field: string, value: unknown, bounds: NumberBounds): number {
  return numberField(field, typeof value === 'string' ? (parseByteSize(value) ?? value) : value, bounds);
}

/**
 * Reads one of a few words.
 * @throws UpstreamError `bad-request` that names the field and the words
 */
export function wordField<Word extends string>(field: string, value: unknown, words: readonly Word[]): Word {
  const word = words.find((candidate) => candidate === value);
  if (word !== undefined) return word;
  throw new UpstreamError(
    'bad-request',
    `${field}: ${JSON.stringify(value)} is not one of ${words.join(', ')}`,
  );
}

/** Reads a switch: true, false, or the query texts 1, 0, true, false. */
export function switchField(field: string, value: unknown): boolean {
  return ['true', '1'].includes(wordField(field, String(value), ['true', 'false', '1', '0']));
}
