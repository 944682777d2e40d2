/** One header line as it came: name in its own case, value in latin1 (one character per byte). */
export type Header = readonly [name: string, value: string];

/** A head's lines in wire order, repeated names included. */
export type HeaderList = readonly Header[];

/** Whether a line of that name is there; `name` in lower case. */
export function hasHeader(headers: HeaderList, name: string): boolean {
  return headers.some(([other]) => other.toLowerCase() === name);
}

/** The trimmed values of every line of that name, in order; `name` in lower case. */
export function getHeaderLines(headers: HeaderList, name: string): string[] {
  const values: string[] = [];
  for (const [other, value] of headers) {
    if (other.length === name.length && other.toLowerCase() === name) values.push(trimOws(value));
  }
  return values;
}

/**
 * The field's combined value: its lines joined by `, `. A singleton field that was sent twice thereby becomes invalid,
 * which is the safe reading. `name` in lower case.
 * https://www.rfc-editor.org/rfc/rfc9110#section-5.2
 */
export function getHeader(headers: HeaderList, name: string): string | undefined {
  const lines = getHeaderLines(headers, name);
  return lines.length === 0 ? undefined : lines.join(', ');
}

/** Members of a comma-separated list of tokens, in lower case, empty members dropped; no quoted strings. */
export function getTokenList(headers: HeaderList, name: string): string[] {
  const members = getHeaderLines(headers, name).flatMap((line) => line.split(','));
  return members.map((member) => trimOws(member).toLowerCase()).filter((member) => member !== '');
}

/** The list without every line of these names, which are in lower case. */
export function withoutHeaders(headers: HeaderList, names: ReadonlySet<string>): HeaderList {
  return headers.filter(([name]) => !names.has(name.toLowerCase()));
}

/** Spaces and tabs only: https://www.rfc-editor.org/rfc/rfc9110#section-5.6.3 */
export function trimOws(text: string): string {
  return text.replace(/^[ \t]+/, '').replace(/(?<![ \t])[ \t]+$/, '');
}
