/** Reads what arrived at an upstream with no leniency at all: whatever two readers could take in two ways is a fault. */

/** A request as every reader would understand it. */
export interface ReadRequest {
  readonly line: string;
  /** Names in lower case. */
  readonly fields: readonly (readonly [name: string, value: string])[];
  readonly body: string;
}

/** What one connection carried. */
export interface Reading {
  readonly requests: readonly ReadRequest[];
  /** Why the rest is not a request, '' when there is none or it is the beginning of one. */
  readonly fault: string;
}

const LINE = /^[A-Z]+ [\u0021-\u007e\u0080-\u00ff]+ HTTP\/1\.1$/;
const FIELD = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([\t\u0020-\u007e\u0080-\u00ff]*)$/;

/** @param bytes in latin1 */
export function readStrictly(bytes: string): Reading {
  const requests: ReadRequest[] = [];
  let rest = bytes;
  for (;;) {
    const end = rest.indexOf('\r\n\r\n');
    if (end === -1) return { requests, fault: '' };
    const [line = '', ...lines] = rest.slice(0, end).split('\r\n');
    if (!LINE.test(line)) return { requests, fault: `request line ${JSON.stringify(line)}` };
    const fields: [string, string][] = [];
    for (const text of lines) {
      const [, name, value] = FIELD.exec(text) ?? [];
      if (name === undefined || value === undefined) return { requests, fault: JSON.stringify(text) };
      fields.push([name.toLowerCase(), value]);
    }
    const body = readBody(fields, rest.slice(end + 4));
    if (body === 'incomplete') return { requests, fault: '' };
    if (typeof body === 'string') return { requests, fault: body };
    requests.push({ line, fields, body: body.text });
    rest = body.rest;
  }
}

type Body = { text: string; rest: string } | 'incomplete' | `framing ${string}`;

function readBody(fields: readonly (readonly [string, string])[], rest: string): Body {
  const folded = (name: string): string => name.replaceAll(/[^a-z]/g, '');
  const framing = fields.filter(([name]) => /^(?:contentlength|transferencoding)$/.test(folded(name)));
  if (fields.filter(([name]) => name === 'host').length !== 1) return 'framing by Host';
  const [first] = framing;
  if (first === undefined) return { text: '', rest };
  const [name, value] = first;
  if (framing.length > 1) return `framing ${JSON.stringify(framing)}`;
  if (name === 'transfer-encoding' && value === 'chunked') return readChunks(rest);
  if (name !== 'content-length' || !/^(?:0|[1-9]\d{0,14})$/.test(value)) return `framing ${name}: ${value}`;
  const length = Number(value);
  return rest.length < length ? 'incomplete' : { text: rest.slice(0, length), rest: rest.slice(length) };
}

function readChunks(bytes: string): Body {
  let text = '';
  let rest = bytes;
  for (;;) {
    const end = rest.indexOf('\r\n');
    if (end === -1) return 'incomplete';
    const size = rest.slice(0, end);
    if (!/^[0-9a-f]{1,8}$/i.test(size)) return `framing of a chunk ${JSON.stringify(size)}`;
    const length = Number.parseInt(size, 16);
    const data = rest.slice(end + 2, end + 2 + length);
    rest = rest.slice(end + 2 + length);
    if (rest.length < 2) return 'incomplete';
    if (!rest.startsWith('\r\n')) return 'framing of the end of a chunk';
    rest = rest.slice(2);
    text += data;
    if (length === 0) return { text, rest };
  }
}
