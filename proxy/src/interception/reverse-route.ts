import { ProxyError } from '../errors.ts';
import { readAbsoluteForm } from './forward.ts';
import type { WrittenTarget } from './forward.ts';

/** Finds the upstream target of an origin-form request to the proxy itself. @throws ProxyError `no-route` */
export type ReverseRoutes = (target: string) => WrittenTarget;

interface Route {
  readonly prefix: string;
  /** Without a slash at its end. */
  readonly base: string;
}

/** A path segment that means "here" or "one up", also percent-encoded, as URL parsers understand it. */
const DOT_SEGMENT = /(?:^|[/\\])(?:\.|%2e){1,2}(?:[/\\]|$)/i;

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
    const [path, query] = splitQuery(withoutDotSegments(target));
    const route = longestFirst.find(({ prefix }) => path === prefix || path.startsWith(`${prefix}/`));
    if (route === undefined) throw noRoute(longestFirst, ownPort());
    return readAbsoluteForm(`${route.base}${path.slice(route.prefix.length) || '/'}${query}`);
  };
}

/** `/geo`, `/geo/` and `/geo/*` are the same prefix; `/` is the empty one, which every path has. */
function trimPrefix(prefix: string): string {
  return prefix.replace(/\/\*$/, '').replace(/\/+$/, '');
}

/** `/geo/../admin` is not below `/geo`, whatever its first letters say: resolved before any prefix is compared. */
function withoutDotSegments(target: string): string {
  const [path, query] = splitQuery(target);
  if (!DOT_SEGMENT.test(path)) return target;
  const url = URL.parse(`http://route.invalid${path}`);
  return url === null ? target : url.pathname + query;
}

function splitQuery(target: string): [path: string, query: string] {
  const at = target.indexOf('?');
  return at === -1 ? [target, ''] : [target.slice(0, at), target.slice(at)];
}

function noRoute(routes: readonly Route[], port: number): ProxyError {
  const known = routes.map(({ prefix }) => `${prefix}/`).join(', ');
  const hint = known === '' ? '' : `, or call one of its routes: ${known}`;
  return new ProxyError(
    'no-route',
    `this is a proxy; use it as HTTP_PROXY or with curl -x, as in: curl -x http://127.0.0.1:${port} http://api.example/${hint}`,
  );
}
