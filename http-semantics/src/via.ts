import { getHeaderLines, trimOws } from './headers.ts';
import type { HeaderList } from './headers.ts';

/**
 * The head with our own entry behind those of earlier hops.
 * https://www.rfc-editor.org/rfc/rfc9110#section-7.6.3
 *
 * @param receivedBy our pseudonym, a token: on requests one of this instance alone, so that only a real loop looks like one
 * @param httpVersion of the message as we received it
 */
export function appendVia(headers: HeaderList, receivedBy: string, httpVersion = '1.1'): HeaderList {
  return [...headers, ['via', `${httpVersion} ${receivedBy}`]];
}

/** Whether a message has been through the one who calls itself `receivedBy` before. */
export function hasLooped(headers: HeaderList, receivedBy: string): boolean {
  const own = receivedBy.toLowerCase();
  return getHeaderLines(headers, 'via').some((line) =>
    withoutComments(line)
      .split(',')
      .some(
        (hop) =>
          trimOws(hop)
            .split(/[ \t]+/)[1]
            ?.toLowerCase() === own,
      ),
  );
}

/** Comments nest and may contain commas; one that never closes hides nothing. */
function withoutComments(line: string): string {
  let kept = '';
  let depth = 0;
  for (let i = 0; i < line.length; i += 1) {
    const character = line[i] ?? '';
    if (depth > 0 && character === '\\') i += 1;
    else if (character === '(') depth += 1;
    else if (character === ')' && depth > 0) depth -= 1;
    else if (depth === 0) kept += character;
  }
  return depth === 0 ? kept : line;
}
