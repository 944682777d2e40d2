/** A successful unsafe request makes what is cached of its target out of date: https://www.rfc-editor.org/rfc/rfc9111#section-4.4 */
import { setTimeout as delay } from 'node:timers/promises';
import { invalidateUrls } from '@pannier/client/transport';
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

/** How long a response is held back for the cache's acknowledgement, in milliseconds: the caller who reads after its write shall see it. */
const ACKNOWLEDGED_MS_MAX = 50;
/** How long the cache may take all in all, in milliseconds. */
const DEADLINE_MS = 2000;

/**
 * Settles when the cache has forgotten what the response makes out of date, or after 50 ms; undefined when it makes nothing so. Never
 * rejects.
 */
export type Invalidate = (
  asked: ProxiedRequest,
  response: { readonly status: number; readonly headers: HeaderList },
) => Promise<void> | undefined;

/** Makes it. */
export function createInvalidate({ transport, near, onFailure }: InvalidationParts): Invalidate {
  const tell = async (urls: readonly string[], forget: () => void): Promise<void> => {
    // Again: who asked the server before it knew may have kept its old answer since.
    const told = invalidateUrls(transport, urls, { deadlineMs: DEADLINE_MS }).catch(onFailure).then(forget);
    const waited = new AbortController();
    const enough = delay(ACKNOWLEDGED_MS_MAX, undefined, { signal: waited.signal }).catch(() => undefined);
    await Promise.race([told, enough]);
    waited.abort();
  };
  return ({ method, url, route: { origins } }, answer) => {
    const urls = invalidatedUrls(method, url, { ...answer, origins });
    // The server knows by which names an upstream goes; here each was kept under the one that it was asked for by.
    const names = urls.flatMap((written) => [written, ...twinsOf(written, origins)]);
    const forget = (): void => {
      for (const name of names) near.deleteUrl(name);
    };
    forget();
    // Without a server nothing is cached but here; one that comes back has heard of no write, and revalidates by its own rules.
    const isServed = transport.state().some(({ usable }) => usable);
    return urls.length > 0 && isServed ? tell(urls, forget) : undefined;
  };
}

/** The same path and query, as written, at all the origins of an upstream. */
function twinsOf(url: string, origins: readonly string[]): string[] {
  const [place = ''] = /^https?:\/\/[^/?#]*/i.exec(url) ?? [];
  return place === '' ? [] : origins.map((origin) => origin + url.slice(place.length));
}
