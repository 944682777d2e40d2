/** Callers' credentials in keys: told apart, but never told. */
import { createHmac, randomBytes } from 'node:crypto';
import { looksLikeCredential } from '@pannier/http-semantics';
import type { HeaderList } from '@pannier/http-semantics';

/** A name for the credentials among these headers, the same for the same ones; undefined when there are none. */
export type CredentialName = (headers: HeaderList) => string | undefined;

/** Hexadecimal digits of a name: 128 bits. */
const DIGITS = 32;

/** @param secret of the HMAC; without one, names last as long as this process, and its entries with them */
export function createCredentialName(secret: string = randomBytes(32).toString('base64')): CredentialName {
  return (headers) => {
    const credentials = headers
      .map(([name, value]): [string, string] => [name.toLowerCase(), value])
      .filter(([name]) => looksLikeCredential(name));
    if (credentials.length === 0) return undefined;
    // In the order of names; several lines of one name stay in theirs.
    credentials.sort(([one], [other]) => (one < other ? -1 : one > other ? 1 : 0));
    const text = JSON.stringify(credentials);
    return createHmac('sha256', secret).update(text).digest('hex').slice(0, DIGITS);
  };
}
