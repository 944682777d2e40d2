/** The two parts of a request target that decide the answer. */
export interface RequestTarget {
  /** Path as it was sent, not percent-decoded. */
  path: string;
  query: URLSearchParams;
}

/** Splits a request target, in origin-form or absolute-form (RFC 9112 §3.2: a server must accept both). */
export function readTarget(target: string): RequestTarget {
  // Not `new URL(target, base)`: it would take the path `//name` for a host.
  const origin = /^https?:\/\/[^/?]*/i.exec(target)?.[0] ?? '';
  const originForm = target.slice(origin.length);
  const mark = originForm.indexOf('?');
  const path = mark === -1 ? originForm : originForm.slice(0, mark);
  return { path: path || '/', query: new URLSearchParams(mark === -1 ? '' : originForm.slice(mark + 1)) };
}
