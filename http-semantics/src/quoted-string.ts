/** A stretch of a field value that lies outside or inside double quotes; the quotes belong to the text. */
export type Segment = { readonly text: string; readonly quoted: boolean };

/**
 * Cuts a field value at its quoted strings, in one pass whatever a hostile sender nests. A quote that never closes
 * quotes nothing, lest it hide what follows.
 * https://www.rfc-editor.org/rfc/rfc9110#section-5.6.4
 */
export function quotedSegments(value: string): Segment[] {
  const segments: Segment[] = [];
  let start = 0;
  for (let open = value.indexOf('"'); open !== -1; open = value.indexOf('"', start)) {
    const close = closingQuote(value, open + 1);
    if (close === -1) break;
    segments.push({ text: value.slice(start, open), quoted: false });
    segments.push({ text: value.slice(open, close + 1), quoted: true });
    start = close + 1;
  }
  segments.push({ text: value.slice(start), quoted: false });
  return segments;
}

/** The members of a comma-separated list whose commas inside quoted strings do not count; untrimmed. */
export function splitList(value: string): string[] {
  const members: string[] = [];
  let member = '';
  for (const { text, quoted } of quotedSegments(value)) {
    const [head = '', ...others] = quoted ? [text] : text.split(',');
    member += head;
    for (const other of others) {
      members.push(member);
      member = other;
    }
  }
  members.push(member);
  return members;
}

function closingQuote(value: string, from: number): number {
  for (let i = from; i < value.length; i += 1) {
    if (value[i] === '"') return i;
    if (value[i] === '\\') i += 1;
  }
  return -1;
}
