import { ProxyError } from '../errors.ts';
import { readAbsoluteForm } from './forward.ts';
import type { WrittenTarget } from './forward.ts';
import { isBelow } from './path-prefix.ts';

/** Finds the upstream target of an origin-form request to the proxy itself. @throws ProxyError `no-route` */
export type ReverseRoutes = (target: string) => WrittenTarget;

interface Route {
  readonly prefix: string;
  /** Without a slash at its end. */
  readonly base: string;
}

/**
 * @param routes path prefixes and the URLs that they stand for, from `proxy.routes`
 * @param ownPort where this proxy listens, to say so to whoever takes it for a server; default 7080
 */
export function createReverseRoutes(
  routes: Readonly<Record<string, string>>,
  ownPort: () => number = () => 7080,
): ReverseRoutes {
  const longestFirst = Object.entries(routes)
    .map(([prefix, url]): Route => ({ prefix: trimPrefix(prefix), base: url.replace(/\/+$/, '') }))
    .toSorted((a, b) => b.prefix.length - a.prefix.length);

  return (target) => {
    const route = longestFirst.find(({ prefix }) => isBelow(target, prefix));
    if (route === undefined) throw noRoute(longestFirst, ownPort());
    const rest = target.slice(route.prefix.length);
    return readAbsoluteForm(`${route.base}${rest.startsWith('/') ? rest : `/${rest}`}`);
  };
}

/** `/geo`, `/geo/` and `/geo/*` are the same prefix; `/` is the empty one, which every path has. */
function trimPrefix(prefix: string): string {
  return prefix.replace(/\/\*$/, '').replace(/\/+$/, '');
}

function noRoute(routes: readonly Route[], port: number): ProxyError {
  const known = routes.map(({ prefix }) => `${prefix}/`).join(', ');
  const hint = known === '' ? '' : `, or call one of its routes: ${known}`;
  return new ProxyError(
    'no-route',
    `this is a proxy; use it as HTTP_PROXY or with curl -x, as in: curl -x http://127.0.0.1:${port} http://api.example/${hint}`,
  );
}
