import { isUtf8 } from 'node:buffer';
import { jsonAnswer } from '../answer.ts';
import { headerPairs } from '../header-pairs.ts';
import { readRequestBody } from '../request-body.ts';
import type { Resource } from '../resource.ts';

/** Larger uploads come back as their length and digest alone. */
const shownBytesMax = 1024 * 1024;

/**
 * Tells what arrived: method, target, header fields as ordered pairs, and the body as text (`bodyEncoding` utf8) or
 * base64, beside its length and SHA-256.
 */
export const echoResource: Resource = {
  usage: '/echo',
  path: '/echo',
  async answer({ message }) {
    const { bytes, byteLength, sha256 } = await readRequestBody(message, shownBytesMax);
    const bodyEncoding = bytes === undefined || isUtf8(bytes) ? 'utf8' : 'base64';
    return jsonAnswer(200, {
      method: message.method,
      url: message.url,
      httpVersion: message.httpVersion,
      headers: headerPairs(message),
      body: bytes?.toString(bodyEncoding) ?? null,
      bodyEncoding,
      bodyBytes: byteLength,
      bodySha256: sha256,
    });
  },
};
