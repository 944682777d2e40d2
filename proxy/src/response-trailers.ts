/** Fields behind a chunked body, for the clients that read them. */
import type { ClientRequest, IncomingMessage, ServerResponse } from 'node:http';
import { finished, pipeline } from 'node:stream/promises';
import { getTokenList, withoutHeaders, withoutHopByHop } from '@pannier/http-semantics';
import type { HeaderList } from '@pannier/http-semantics';
import { headerPairs } from './response-head.ts';

/**
 * What a recipient must have known before the body: how it ends, for whom it is, how to read and to keep it.
 * https://www.rfc-editor.org/rfc/rfc9110#section-6.5.1
 */
const NEVER_BEHIND: ReadonlySet<string> = new Set([
  'age',
  'authorization',
  'cache-control',
  'content-encoding',
  'content-length',
  'content-range',
  'content-type',
  'cookie',
  'date',
  'expires',
  'host',
  'location',
  'retry-after',
  'set-cookie',
  'vary',
  'www-authenticate',
]);

/** https://www.rfc-editor.org/rfc/rfc9110#section-10.1.4 */
export function wantsTrailers({ httpVersion, rawHeaders }: IncomingMessage): boolean {
  return httpVersion === '1.1' && getTokenList(headerPairs(rawHeaders), 'te').includes('trailers');
}

/** Tells the upstream that they are read. `TE` is for one connection, which is not kept: its field is ours to write. */
export function askForTrailers(outgoing: ClientRequest): void {
  outgoing.setHeader('TE', 'trailers');
  outgoing.setHeader('Connection', 'close, TE');
}

/** Which ones are announced, for the head of a response whose body is sent in chunks. */
export function announcedTrailers({ rawHeaders }: IncomingMessage): HeaderList {
  const names = getTokenList(headerPairs(rawHeaders), 'trailer').filter((name) => !NEVER_BEHIND.has(name));
  return names.length === 0 ? [] : [['Trailer', names.join(', ')]];
}

/** As `pipeline`, with the trailers behind the body. */
export async function sendWithTrailers(answer: IncomingMessage, response: ServerResponse): Promise<void> {
  await pipeline(answer, response, { end: false });
  const trailers = withoutHeaders(withoutHopByHop(headerPairs(answer.rawTrailers)), NEVER_BEHIND);
  response.addTrailers(trailers.map(([name, value]): [string, string] => [name, value]));
  response.end();
  await finished(response);
}
