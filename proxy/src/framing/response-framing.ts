/** Whether an upstream's answer leaves room for two readings; what Node's parser refuses never comes here. Pure. */
import type { IncomingMessage } from 'node:http';
import { transferCodingFault } from '@pannier/http-semantics';
import { fieldLines, LENGTH } from './request-head.ts';

/**
 * Why the answer cannot be passed on, in words, or undefined. https://www.rfc-editor.org/rfc/rfc9112#section-6.3
 *
 * @param closeDelimited see `upstreams.NAME.closeDelimited`
 */
export function answerFault(
  answer: Pick<IncomingMessage, 'httpVersion' | 'statusCode' | 'rawHeaders'>,
  closeDelimited: 'relay' | 'rfc',
): string | undefined {
  const { httpVersion, statusCode = 0 } = answer;
  if (httpVersion !== '1.1' && httpVersion !== '1.0') return `it answers in HTTP/${httpVersion}`;
  if (statusCode < 200) return `its status is ${statusCode}`;
  const codings = fieldLines(answer, 'transfer-encoding');
  if (codings.length > 0 && httpVersion === '1.0') return 'it sends Transfer-Encoding with HTTP/1.0';
  const fault = transferCodingFault(codings, closeDelimited);
  if (fault !== undefined) return fault;
  if (fieldLines(answer, 'content-length').some((length) => !LENGTH.test(length)))
    return 'its Content-Length is not a length';
  return undefined;
}
