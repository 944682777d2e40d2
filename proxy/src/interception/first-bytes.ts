/** What the first bytes of a connection say it speaks. */
export type FirstBytes = 'http' | 'other' | 'undecided';

/** Longer than any registered method. */
const METHOD_BYTES_MAX = 32;

/** A request line that is longer than this and began like one is taken for one. */
const LINE_BYTES_MAX = 4096;

/**
 * Tells an HTTP/1 request by its first line from everything else that a CONNECT tunnel may carry: a ClientHello, the preface of
 * HTTP/2 (`PRI * …`), SMTP's `EHLO`, Redis's inline `GET key`. More bytes never change a decision, they only end `undecided`.
 */
export function judgeFirstBytes(bytes: Buffer): FirstBytes {
  const line = bytes.toString('latin1', 0, LINE_BYTES_MAX + 1);
  const [method = ''] = /^[A-Z-]*/.exec(line) ?? [];
  if (method.length > METHOD_BYTES_MAX || method === 'PRI') return 'other';
  if (method.length === line.length) return 'undecided';
  if (method === '' || line[method.length] !== ' ') return 'other';

  const rest = line.slice(method.length + 1);
  // Inside a tunnel: origin-form, asterisk-form, or absolute-form from a client that takes the tunnel's end for a proxy.
  if (!/^(?:\/|\*|https?:|h?t?t?p?s?$)/i.test(rest)) return 'other';
  if (rest === '') return 'undecided';
  const end = rest.indexOf('\n');
  if (end !== -1) return / HTTP\/1\.[01]\r?$/.test(rest.slice(0, end)) ? 'http' : 'other';
  return line.length > LINE_BYTES_MAX ? 'http' : 'undecided';
}
