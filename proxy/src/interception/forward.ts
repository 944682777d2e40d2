import { ProxyError } from '../errors.ts';
import { remembered } from '../text-memory.ts';

/** A target as the client wrote it, taken apart but not normalised: the upstream shall see the same path. */
export interface WrittenTarget {
  readonly scheme: 'http' | 'https';
  /** Host and port as written. */
  readonly authority: string;
  /** Begins with `/`; with the query. */
  readonly path: string;
}

const ABSOLUTE = /^([a-z][a-z0-9+.-]*):\/\/([^/?#]*)([^#]*)$/i;

/**
 * Reads the absolute form in which a client addresses a forward proxy: https://www.rfc-editor.org/rfc/rfc9112#section-3.2.2
 *
 * @throws ProxyError `bad-request`, `unsupported-scheme`
 */
export function readAbsoluteForm(target: string): WrittenTarget {
  const [, scheme = '', authority = '', rest = ''] = ABSOLUTE.exec(target) ?? [];
  if (scheme === '') {
    const shown = JSON.stringify(target.slice(0, 100));
    throw new ProxyError('bad-request', `not a request that a proxy understands: the target is ${shown}`);
  }
  const lower = scheme.toLowerCase();
  if (lower !== 'http' && lower !== 'https')
    throw new ProxyError(
      'unsupported-scheme',
      `the scheme ${lower}: is not supported, only http: and https:`,
    );
  return {
    scheme: lower,
    authority: checkedAuthority(authority),
    path: rest.startsWith('/') ? rest : `/${rest}`,
  };
}

/**
 * The authority itself when it is a host with at most a port.
 * @throws ProxyError `bad-request`; a userinfo is refused too: https://www.rfc-editor.org/rfc/rfc9110#section-4.2.4
 */
export const checkedAuthority = remembered((authority) => {
  const url = /^[^\s@/?#\\]+$/.test(authority) ? URL.parse(`http://${authority}/`) : null;
  if (url === null || url.hostname === '' || url.port === '0')
    throw new ProxyError('bad-request', `not a host and port: ${JSON.stringify(authority.slice(0, 100))}`);
  return authority;
});
