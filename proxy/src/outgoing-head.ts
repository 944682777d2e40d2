import type { ClientRequest, IncomingMessage } from 'node:http';
import type { HeaderList } from '@pannier/http-semantics';

/** The connection's own fields, which tell where the body ends and what the next hop may do; set here, never copied. */
const FRAMING: ReadonlySet<string> = new Set([
  'connection',
  'content-length',
  'expect',
  'transfer-encoding',
  'upgrade',
]);

/**
 * Puts the request's own end-to-end headers in the place of what http-proxy made of them, and frames the body as it came: http-proxy
 * lets a chunked body of DELETE or OPTIONS go out without any frame.
 */
export function setOutgoingHead(
  outgoing: ClientRequest,
  { headers: { upgrade }, rawHeaders }: IncomingMessage,
  headers: HeaderList,
): void {
  for (const name of outgoing.getHeaderNames()) {
    if (!(upgrade !== undefined && (name === 'connection' || name === 'upgrade')))
      outgoing.removeHeader(name);
  }
  const values = new Map<string, [name: string, values: string[]]>();
  for (const [name, value] of headers) {
    const lower = name.toLowerCase();
    if (FRAMING.has(lower)) continue;
    const known = values.get(lower);
    if (known === undefined) values.set(lower, [name, [value]]);
    else known[1].push(value);
  }
  for (const [name, all] of values.values())
    outgoing.setHeader(name, all.length === 1 ? (all[0] ?? '') : all);
  frame(outgoing, rawHeaders);
}

/** http-proxy changes `headers` in place, so the framing is read from what came over the wire. */
function frame(outgoing: ClientRequest, rawHeaders: readonly string[]): void {
  const found = (wanted: string): string | undefined =>
    rawHeaders[rawHeaders.findIndex((name, at) => at % 2 === 0 && name.toLowerCase() === wanted) + 1];
  const has = (wanted: string): boolean =>
    rawHeaders.some((name, at) => at % 2 === 0 && name.toLowerCase() === wanted);
  if (has('transfer-encoding')) outgoing.setHeader('Transfer-Encoding', 'chunked');
  else if (has('content-length')) outgoing.setHeader('Content-Length', found('content-length') ?? '0');
  else outgoing.useChunkedEncodingByDefault = false;
}
