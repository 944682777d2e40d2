import { isUtf8 } from 'node:buffer';
import { createHash } from 'node:crypto';
import { jsonAnswer } from '../answer.ts';
import { headerPairs } from '../header-pairs.ts';
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
    const hash = createHash('sha256');
    const shown: Buffer[] = [];
    let bodyBytes = 0;
    for await (const chunk of message as AsyncIterable<Buffer>) {
      hash.update(chunk);
      bodyBytes += chunk.length;
      if (bodyBytes <= shownBytesMax) shown.push(chunk);
    }
    const body = bodyBytes <= shownBytesMax ? Buffer.concat(shown) : undefined;
    const bodyEncoding = body === undefined || isUtf8(body) ? 'utf8' : 'base64';
    return jsonAnswer(200, {
      method: message.method,
      url: message.url,
      httpVersion: message.httpVersion,
      headers: headerPairs(message),
      body: body?.toString(bodyEncoding) ?? null,
      bodyEncoding,
      bodyBytes,
      bodySha256: hash.digest('hex'),
    });
  },
};
