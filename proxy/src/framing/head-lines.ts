/** Request line, Host and field lines that an upstream could read differently. */
import { checkedAuthority, readAbsoluteForm } from '../interception/forward.ts';
import { ProxyError } from '../errors.ts';
import { fieldLines } from './request-head.ts';
import type { RequestHead } from './request-head.ts';
import { refusal } from './refusal.ts';
import type { Refusal } from './refusal.ts';

/** Of the target: no end of a line, no space, no control byte; bytes above 127 stay, some clients send a path as it is typed. */
const TARGET = /^[\u0021-\u007e\u0080-\u00ff]+$/;
/** https://www.rfc-editor.org/rfc/rfc9110#section-5.6.2 */
const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
/** https://www.rfc-editor.org/rfc/rfc9110#section-5.5 */
const VALUE = /^[\t\u0020-\u007e\u0080-\u00ff]*$/;
/** https://www.rfc-editor.org/rfc/rfc9110#section-4.2.1, https://www.rfc-editor.org/rfc/rfc3986#section-3.2.2 */
const HOST = /^(?:\[[\da-f:.]+(?:%25[\w.~-]+)?\]|[\w.~!$&'()*+;=%-]*)(?::\d{0,5})?$/i;
/** Names that decide where a body ends and whom a request is for. */
const FRAMING_NAMES: ReadonlySet<string> = new Set(['contentlength', 'transferencoding', 'host']);
const PROPER_NAMES: ReadonlySet<string> = new Set(['content-length', 'transfer-encoding', 'host']);

/** https://www.rfc-editor.org/rfc/rfc9112#section-3 */
export function requestLineFault({ method = '', url = '', httpVersion }: RequestHead): Refusal | undefined {
  if (httpVersion !== '1.1' && httpVersion !== '1.0')
    return refusal(`HTTP/${httpVersion} is not spoken here, only HTTP/1.1`, 505);
  if (!TARGET.test(url)) return refusal('the target of the request has bytes that no target has');
  // A fragment never travels: https://www.rfc-editor.org/rfc/rfc9110#section-4.2.5
  if (url.includes('#')) return refusal('the target of the request has a fragment');
  try {
    if (method === 'CONNECT') checkedAuthority(url);
    else if (!url.startsWith('/') && !(method === 'OPTIONS' && url === '*')) readAbsoluteForm(url);
    return undefined;
  } catch (error) {
    if (error instanceof ProxyError) return refusal(error.message);
    throw error;
  }
}

/** https://www.rfc-editor.org/rfc/rfc9112#section-3.2-6 */
export function hostFault(request: RequestHead): Refusal | undefined {
  const hosts = fieldLines(request, 'host');
  const [host] = hosts;
  if (hosts.length > 1) return refusal('more than one Host field');
  if (host === undefined)
    return request.httpVersion === '1.0' ? undefined : refusal('a request of HTTP/1.1 has a Host field');
  return HOST.test(host) ? undefined : refusal(`not a Host: ${JSON.stringify(host.slice(0, 100))}`);
}

/** The parser refuses most of these; what it lets through must not depend on its leniency flags or its version. */
export function fieldFault({ rawHeaders }: RequestHead): Refusal | undefined {
  for (let i = 0; i + 1 < rawHeaders.length; i += 2) {
    const name = rawHeaders[i] ?? '';
    if (!TOKEN.test(name)) return refusal(`not a field name: ${JSON.stringify(name.slice(0, 100))}`);
    if (!VALUE.test(rawHeaders[i + 1] ?? ''))
      return refusal(`the value of ${name} has bytes that no value has`);
    // CGI and its heirs see `Content_Length` as `Content-Length`: https://www.rfc-editor.org/rfc/rfc3875#section-4.1.18
    const lower = name.toLowerCase();
    if (!PROPER_NAMES.has(lower) && FRAMING_NAMES.has(lower.replaceAll(/[^a-z]/g, '')))
      return refusal(`${name} could be taken for a field that frames the request`);
  }
  return undefined;
}
