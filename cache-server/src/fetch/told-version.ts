/** The version in the answer of a request that is asked for nothing else. */
import { createHash } from 'node:crypto';
import { parseExactly } from '../dataset/source/exact-json.ts';
import { pointerValue } from '../dataset/source/json-pointer.ts';

/** @param pointer where it stands in the JSON; without, the digest of all of it. @throws Error saying what is wrong with the body */
export function versionIn(body: Buffer, pointer: string | undefined): string {
  if (pointer === undefined) return createHash('sha256').update(body).digest('hex');
  let document: unknown;
  try {
    // A version may be a number of more digits than a double holds.
    document = parseExactly(body.toString('utf8'));
  } catch (cause) {
    throw new Error('its response is not JSON', { cause });
  }
  const value = pointerValue(document, pointer);
  if (value === undefined) throw new Error(`nothing stands at ${pointer}`);
  return typeof value === 'string' ? value : JSON.stringify(value, withDigits);
}

function withDigits(_name: string, value: unknown): unknown {
  return typeof value === 'bigint' ? String(value) : value;
}
