import { readFileSync } from 'node:fs';
import { configuredPolicy, DEFAULT_POLICY } from '@pannier/http-semantics';
import type { CachePolicy } from '@pannier/http-semantics';
import { ConfigError } from '@pannier/runtime';
import type { Config } from '@pannier/runtime';
import { fallbackShare } from './fallback-share.ts';
import type { FallbackShare } from './fallback-share.ts';
import type { WrittenTarget } from './interception/forward.ts';
import { isBelow } from './interception/path-prefix.ts';
import { remembered } from './text-memory.ts';

/** How an upstream is reached by the proxy itself, on the pass-through, the fallback and the resume. */
export interface UpstreamRoute {
  readonly protocol: 'http:' | 'https:';
  /** Without the brackets of IPv6. */
  readonly hostname: string;
  readonly port: number;
  /** What `Host` says: host, and port unless it is the scheme's default. */
  readonly authority: string;
  /** Path and query as written. */
  readonly path: string;
  /** The origin by which it was asked for. */
  readonly askedOrigin: string;
  /** All origins by which its declared upstream is asked for; none of an undeclared one. */
  readonly origins: readonly string[];
  /** PEM of the authorities to trust instead of the public ones. */
  readonly ca: string | undefined;
  /** Request headers that its shared fetches carry besides the negotiated ones, in lower case; `*` for all. */
  readonly forwardHeaders: readonly string[];
  /** How its responses are stored and used again. */
  readonly policy: CachePolicy;
  /** Whether what a request says against using a stored response is ignored. */
  readonly ignoreNoCache: boolean;
  /** What the end of the connection says of a body that has no other end. */
  readonly closeDelimited: 'relay' | 'rfc';
  readonly fallback: Config['proxy']['fallback'];
  /** Within what the fallback asks; undefined for no limit. */
  readonly fallbackShare: FallbackShare | undefined;
  /** 0 for no limit: an undeclared upstream is waited for as long as the client waits. */
  readonly headTimeoutMs: number;
  readonly idleTimeoutMs: number;
}

/** Finds the declared upstream of a target, if any, and with it TLS origination, trust and limits. */
export type UpstreamRoutes = (target: WrittenTarget) => UpstreamRoute;

/** Where an upstream is. */
type Place = Pick<UpstreamRoute, 'protocol' | 'hostname' | 'port' | 'authority'>;
/** What was declared of it. */
type Settings = Omit<UpstreamRoute, keyof Place | 'path' | 'askedOrigin'>;

/** A place that a declared upstream claims: an origin, and the path that its endpoints share. */
interface Claim {
  readonly origin: string;
  readonly path: string;
  /** The origin to fetch from, which differs from a matched one. */
  readonly base: URL;
  readonly settings: Settings;
}

/**
 * @param config sections `upstreams`, and of `proxy` what concerns the fallback; `ca` files are read here, once
 * @throws ConfigError when a `ca` file cannot be read
 */
export function createUpstreamRoutes(config: Pick<Config, 'upstreams' | 'proxy'>): UpstreamRoutes {
  const claims = Object.entries(config.upstreams)
    .flatMap(([name, upstream]) => claimsOf(name, upstream, config.proxy))
    .toSorted((a, b) => b.path.length - a.path.length);
  const undeclared: Settings = {
    origins: [],
    ca: undefined,
    forwardHeaders: [],
    policy: DEFAULT_POLICY,
    ignoreNoCache: false,
    closeDelimited: 'relay',
    fallback: config.proxy.fallback,
    fallbackShare: undefined,
    headTimeoutMs: 0,
    idleTimeoutMs: 0,
  };

  const placesAt = remembered((written) => {
    const asked = new URL(written);
    const askedOrigin = asked.origin;
    const claimed = claims
      .filter(({ origin }) => origin === askedOrigin)
      .map(({ path, base, settings }) => ({ path, place: { ...placeOf(base), ...settings, askedOrigin } }));
    return { claimed, unclaimed: { ...placeOf(asked), ...undeclared, askedOrigin } };
  });

  return ({ scheme, authority, path }) => {
    const { claimed, unclaimed } = placesAt(`${scheme}://${authority}/`);
    const found = claimed.find(({ path: prefix }) => prefix === '' || isBelow(path, prefix));
    return { ...(found?.place ?? unclaimed), path };
  };
}

function claimsOf(
  name: string,
  upstream: Config['upstreams'][string],
  proxy: Pick<Config['proxy'], 'fallback' | 'fallbackProxies'>,
): Claim[] {
  const base = new URL(upstream.url);
  const path = base.pathname.replace(/\/+$/, '');
  // The http:// twin of an https:// upstream belongs to it, so that a service that speaks plain HTTP gets TLS from us.
  const twin = base.protocol === 'https:' ? [new URL(`http://${base.host}`)] : [];
  const origins = [base, ...twin, ...upstream.match.map((place) => new URL(place))].map(
    ({ origin }) => origin,
  );
  const fallback = upstream.fallback ?? proxy.fallback;
  const settings = {
    origins,
    ca: upstream.ca === undefined ? undefined : readAuthorities(name, upstream.ca),
    forwardHeaders: upstream.forwardHeaders,
    policy: configuredPolicy(upstream),
    ignoreNoCache: upstream.ignoreNoCache,
    closeDelimited: upstream.closeDelimited,
    fallback,
    fallbackShare: fallback === 'limited' ? fallbackShare(name, upstream, proxy.fallbackProxies) : undefined,
    headTimeoutMs: upstream.fetchTimeoutMs,
    idleTimeoutMs: upstream.idleTimeoutMs,
  };
  return origins.map((origin) => ({ origin, path, base, settings }));
}

function readAuthorities(name: string, path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw new ConfigError(`upstreams.${name}.ca: ${path} cannot be read`, { cause: error });
  }
}

function placeOf(url: URL): Place {
  const protocol = url.protocol === 'https:' ? 'https:' : 'http:';
  const port = url.port === '' ? (protocol === 'https:' ? 443 : 80) : Number(url.port);
  return { protocol, hostname: url.hostname.replace(/^\[(.*)\]$/, '$1'), port, authority: url.host };
}
