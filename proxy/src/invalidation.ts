/** A successful unsafe request makes what is cached of its target out of date: https://www.rfc-editor.org/rfc/rfc9111#section-4.4 */
import { outdateUrls } from '@pannier/client/transport';
import type { NearCache, Transport } from '@pannier/client/transport';
import { invalidatedUrls } from '@pannier/http-semantics';
import type { HeaderList } from '@pannier/http-semantics';
import type { ProxiedRequest } from './proxied-request.ts';

/** What telling the cache needs. */
export interface InvalidationParts {
  readonly transport: Pick<Transport, 'unary' | 'state'>;
  readonly near: NearCache;
  readonly onFailure: (error: unknown) => void;
}

/**
 * Settles when the cache has forgotten what the response makes out of date, or after 50 ms; undefined when it makes nothing so. Never
 * rejects.
 */
export type Invalidate = (
  asked: ProxiedRequest,
  response: { readonly status: number; readonly headers: HeaderList },
) => Promise<void> | undefined;

/** Makes it. */
export function createInvalidate(parts: InvalidationParts): Invalidate {
  return ({ method, url, route: { origins } }, answer) => {
    const urls = invalidatedUrls(method, url, { ...answer, origins });
    // The server knows by which names an upstream goes; here each was kept under the one that it was asked for by.
    const names = urls.flatMap((written) => [written, ...twinsOf(written, origins)]);
    return urls.length === 0 ? undefined : outdateUrls(urls, names, parts);
  };
}

/** The same path and query, as written, at all the origins of an upstream. */
function twinsOf(url: string, origins: readonly string[]): string[] {
  const [place = ''] = /^https?:\/\/[^/?#]*/i.exec(url) ?? [];
  return place === '' ? [] : origins.map((origin) => origin + url.slice(place.length));
}
