/** Where a request's body ends, as every reader must agree on it. */
import { fieldLines, LENGTH } from './request-head.ts';
import type { RequestHead } from './request-head.ts';
import { refusal } from './refusal.ts';
import type { Refusal } from './refusal.ts';

/** https://www.rfc-editor.org/rfc/rfc9112#section-6 */
export function bodyFault(request: RequestHead): Refusal | undefined {
  const codings = fieldLines(request, 'transfer-encoding');
  const lengths = fieldLines(request, 'content-length');
  if (codings.length > 0) return codingFault(request, codings) ?? lengthBesideCoding(lengths);
  // Equal lines may be read as one: https://www.rfc-editor.org/rfc/rfc9112#section-6.3-2.5; no client has a reason to send them.
  if (lengths.length > 1) return refusal('more than one Content-Length field');
  const [length] = lengths;
  if (length !== undefined && !(LENGTH.test(length) && Number.isSafeInteger(Number(length))))
    return refusal(`not a length: ${JSON.stringify(length.slice(0, 100))}`);
  return undefined;
}

/** Whether bytes follow the head that belong to it. */
export function hasBody(request: RequestHead): boolean {
  if (fieldLines(request, 'transfer-encoding').length > 0) return true;
  return fieldLines(request, 'content-length').some((length) => length !== '0');
}

function codingFault({ httpVersion }: RequestHead, codings: readonly string[]): Refusal | undefined {
  // Faulty whatever it says: https://www.rfc-editor.org/rfc/rfc9112#section-6.1-16
  if (httpVersion === '1.0') return refusal('Transfer-Encoding in a request of HTTP/1.0');
  const [only = ''] = codings;
  if (codings.length === 1 && only.toLowerCase() === 'chunked') return undefined;
  // https://www.rfc-editor.org/rfc/rfc9112#section-6.1-15; what is forwarded is chunked anew, so no other coding can be kept.
  return refusal(
    `not a transfer coding that is known here: ${JSON.stringify(codings.join(', ').slice(0, 100))}`,
    501,
  );
}

/** The coding would win, which is how smuggling begins: https://www.rfc-editor.org/rfc/rfc9112#section-6.3-2.3 */
function lengthBesideCoding(lengths: readonly string[]): Refusal | undefined {
  return lengths.length > 0 ? refusal('Content-Length beside Transfer-Encoding') : undefined;
}
