import type { IncomingMessage } from 'node:http';
import type { HeaderPair } from './answer.ts';

/** The header fields as they came: in their order, in their letter case, repeated ones apart. */
export function headerPairs({ rawHeaders }: IncomingMessage): HeaderPair[] {
  const pairs: HeaderPair[] = [];
  for (let at = 0; at < rawHeaders.length; at += 2)
    pairs.push([rawHeaders[at] ?? '', rawHeaders[at + 1] ?? '']);
  return pairs;
}
