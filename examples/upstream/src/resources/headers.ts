import { validateHeaderName, validateHeaderValue } from 'node:http';
import { type HeaderPair, jsonAnswer } from '../answer.ts';
import { steeringParameters } from '../control-settings.ts';
import { UpstreamError } from '../errors.ts';
import { headerPairs } from '../header-pairs.ts';
import type { Resource } from '../resource.ts';
import { readStatus } from './status.ts';

/** These delimit the message (RFC 9112 §6); a free hand with them would break the connection, not test a cache. */
const framingFields: ReadonlySet<string> = new Set([
  'content-length',
  'transfer-encoding',
  'connection',
  'date',
]);

function checkedHeader([name, value]: HeaderPair): HeaderPair {
  if (framingFields.has(name.toLowerCase())) {
    throw new UpstreamError('bad-request', `${name}: the upstream sets this field itself`);
  }
  try {
    validateHeaderName(name);
    validateHeaderValue(name, value);
  } catch (cause) {
    throw new UpstreamError('bad-request', `${name}: not a valid header field`, { cause });
  }
  return [name, value];
}

/**
 * Answers with the header fields that the query names, repeated ones too. The body shows the request's own fields, so a
 * test of Vary sees which request an answer was made for.
 */
export const headersResource: Resource = {
  usage: '/headers?<name>=<value>&…&status=200',
  path: '/headers',
  ownsStatus: true,
  answer(request) {
    const asked = [...request.query].filter(([name]) => !steeringParameters.has(name)).map(checkedHeader);
    const status = readStatus('status', request.query.get('status') ?? '200');
    return jsonAnswer(status, { received: headerPairs(request.message) }, asked);
  },
};
