import type { IncomingMessage } from 'node:http';

/** What the checks look at: the head as it came, before anybody folded or dropped a line of it. */
export type RequestHead = Pick<IncomingMessage, 'method' | 'url' | 'httpVersion' | 'rawHeaders'>;

/** One way to write a number, so that nobody reads octal, signs or a list into it. */
export const LENGTH = /^(?:0|[1-9]\d{0,15})$/;

/** The values of every line of that name, in order; `name` in lower case. */
export function fieldLines({ rawHeaders }: Pick<RequestHead, 'rawHeaders'>, name: string): string[] {
  const found: string[] = [];
  for (let i = 0; i + 1 < rawHeaders.length; i += 2) {
    if (rawHeaders[i]?.toLowerCase() === name) found.push(rawHeaders[i + 1] ?? '');
  }
  return found;
}
