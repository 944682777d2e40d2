import { getTokenList, withoutHeaders } from './headers.ts';
import type { HeaderList } from './headers.ts';
import { TARGETED_FIELDS } from './targeted-field.ts';

/** https://www.rfc-editor.org/rfc/rfc9110#section-7.6.1 and https://www.rfc-editor.org/rfc/rfc9111#section-3.1 */
const HOP_BY_HOP: readonly string[] = [
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authentication-info',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
];

/**
 * Fields meant for every recipient, which `Connection` may not name: a sender that could have them dropped would change
 * the framing, lose a credential (and be served as somebody else), or strip what forbids sharing.
 * https://www.rfc-editor.org/rfc/rfc9110#section-7.6.1-7
 */
const END_TO_END: ReadonlySet<string> = new Set<string>([
  'age',
  'authorization',
  'cache-control',
  ...TARGETED_FIELDS,
  'content-encoding',
  'content-length',
  'content-range',
  'content-type',
  'cookie',
  'date',
  'etag',
  'expires',
  'host',
  'last-modified',
  'pragma',
  'range',
  'set-cookie',
  'vary',
  'via',
]);

/**
 * The head without what concerns one connection only: the hop-by-hop fields and those that `Connection` names. The
 * next hop's framing is the forwarder's to set: `Transfer-Encoding` goes, `Content-Length` stays.
 */
export function withoutHopByHop(headers: HeaderList): HeaderList {
  const named = getTokenList(headers, 'connection').filter((name) => !END_TO_END.has(name));
  return withoutHeaders(headers, new Set([...HOP_BY_HOP, ...named]));
}
