/** Which upstream a request belongs to, and how to reach it. */
import { readFile } from 'node:fs/promises';
import { configuredPolicy, DEFAULT_POLICY, leadsUp } from '@pannier/http-semantics';
import type { CachePolicy } from '@pannier/http-semantics';
import { createAddressGuard } from '@pannier/runtime';
import type { Config } from '@pannier/runtime';
import { Agent } from 'undici';
import type { Dispatcher } from 'undici';
import { CacheServerError } from '../errors.ts';
import { guardedConnector, isOwnUrl } from './guarded-connector.ts';
import type { OwnAddress } from './guarded-connector.ts';
import { forbiddenTarget } from './network-error.ts';
import { protectionSettings, UNDECLARED_PROTECTION } from './protection/protection-settings.ts';
import type { ProtectionSettings } from './protection/protection-settings.ts';
import { plainQuery } from './query-rule.ts';
import type { QueryRule } from './query-rule.ts';

/** An upstream, declared or not. */
export interface Upstream {
  /** The scope of its entries: the name in the configuration, or the origin of an undeclared one. */
  readonly name: string;
  readonly isDeclared: boolean;
  readonly forwardHeaders: readonly string[];
  /** How its responses are stored and used again. */
  readonly policy: CachePolicy;
  /** Whether what a request says against using a stored response is ignored. */
  readonly ignoreNoCache: boolean;
  /** What the end of the connection says of a body that has no other end. */
  readonly closeDelimited: 'relay' | 'rfc';
  /** Longest response, in bytes, that is fetched whole when a part of it was asked for. */
  readonly rangeFillBytesMax: number;
  readonly fetchTimeoutMs: number;
  readonly idleTimeoutMs: number;
  /** What keeps it from being asked too much. */
  readonly protection: ProtectionSettings;
  /** Where it tells whether responses without validators have changed. */
  readonly versionEndpoints: readonly VersionEndpoint[];
  /** The last part of a lifetime in which what was asked for so often is fetched anew behind the answer; a share of 0: none. */
  readonly refreshAhead: { readonly share: number; readonly hitsMin: number };
  /** What we call ourselves in `Via` towards it. */
  readonly viaName: string;
  readonly dispatcher: Dispatcher;
}

/** A request whose answer changes when others do. */
export interface VersionEndpoint {
  readonly url: string;
  /** Whether it speaks for a URL of its upstream. */
  readonly speaksFor: (url: string) => boolean;
  readonly header: string | undefined;
  readonly pointer: string | undefined;
}

/** Where a request goes: the upstream and the URL there. */
export interface UpstreamTarget {
  readonly upstream: Upstream;
  /** The upstream's own origin, and behind it path and query exactly as they are sent. */
  readonly url: string;
}

/** Settings of {@link createUpstreamRegistry}. */
export interface UpstreamRegistryOptions {
  readonly upstreams: Config['upstreams'];
  readonly undeclared: Config['server']['undeclared'];
  readonly allowPrivateAddresses: readonly string[];
  /** Where Pannier listens: never an upstream. */
  readonly ownAddresses: readonly OwnAddress[];
  /** Token that only this instance uses in `Via`, so that only a real loop looks like one. */
  readonly viaName: string;
  readonly limits: Pick<Config['limits'], 'headerBytesMax'>;
}

/** Finds upstreams and holds their connections. */
export interface UpstreamRegistry {
  readonly viaName: string;
  /**
   * @returns undefined when no upstream is declared for it and undeclared ones are not cached
   * @throws CacheServerError `bad-request` for what is no http URL, `forbidden-target`
   */
  resolve(url: string): UpstreamTarget | undefined;
  close(): Promise<void>;
}

/** An absolute URL; path and query stay as they were written, byte for byte: they may be signed. */
interface WrittenUrl {
  readonly place: URL;
  /** Begins with `/`. */
  readonly path: string;
  /** Empty, or with its `?`. */
  readonly search: string;
}

interface Declared {
  readonly upstream: Upstream;
  readonly origin: string;
  /** Origins whose requests belong here: its own, the http:// twin of an https:// one, and those of `match`. */
  readonly origins: ReadonlySet<string>;
  readonly query: QueryRule;
  /** Path that all its endpoints share, without a slash at the end. */
  readonly prefix: string;
}

/** Connections at once to one origin. */
const CONNECTIONS_PER_ORIGIN_MAX = 128;
/** Undeclared origins with open connections at once. */
const ORIGINS_MAX = 1024;
const CONNECT_TIMEOUT_MS = 10_000;
const UNDECLARED = {
  isDeclared: false,
  forwardHeaders: ['accept', 'accept-language'],
  policy: DEFAULT_POLICY,
  ignoreNoCache: false,
  closeDelimited: 'relay' as const,
  rangeFillBytesMax: 8 * 1024 * 1024,
  fetchTimeoutMs: 30_000,
  idleTimeoutMs: 30_000,
  protection: UNDECLARED_PROTECTION,
  versionEndpoints: [],
  refreshAhead: { share: 0, hitsMin: 1 },
};
/** Declared upstreams may be private: the operator named them. Metadata services stay refused. */
const ANY_PRIVATE = ['loopback', 'link-local', 'private'];

/** Reads the `ca` files. @throws when one cannot be read; the message names it. */
export async function createUpstreamRegistry(options: UpstreamRegistryOptions): Promise<UpstreamRegistry> {
  const { viaName, ownAddresses } = options;
  const declared = await Promise.all(
    Object.entries(options.upstreams).map(([name, settings]) => declare(name, settings, options)),
  );
  // The longest prefix first, so that an API below another one's path keeps its own.
  declared.sort((one, other) => other.prefix.length - one.prefix.length);
  const guard = createAddressGuard(options.allowPrivateAddresses);
  const open = agent(options, { guard });

  return {
    viaName,
    resolve(text) {
      const { place, path, search } = readUrl(text);
      const found = declared.find((candidate) => belongsTo(place, path, candidate));
      const origin = found?.origin ?? place.origin;
      if (isOwnUrl(new URL(origin), ownAddresses)) throw forbiddenTarget(`${place.host} is Pannier itself`);
      // Put together as text: read as a reference, a path that begins with `//` would name another host.
      if (found !== undefined)
        return { upstream: found.upstream, url: origin + path + plainQuery(search, found.query) };
      // Refused also where the caller would ask by itself: nobody needs Pannier to reach credentials of the cloud.
      const refused = guard.refusal(place.hostname);
      const caches = options.undeclared === 'cache';
      if (refused !== undefined && (caches || refused === 'metadata'))
        throw forbiddenTarget(`${place.host} is a ${refused} address`);
      if (!caches) return undefined;
      return {
        upstream: { ...UNDECLARED, name: origin, viaName, dispatcher: open },
        url: origin + path + search,
      };
    },
    async close() {
      await Promise.all(
        [open, ...declared.map(({ upstream }) => upstream.dispatcher)].map((one) => one.destroy()),
      );
    },
  };
}

async function declare(
  name: string,
  settings: Config['upstreams'][string],
  options: UpstreamRegistryOptions,
): Promise<Declared> {
  const url = new URL(settings.url);
  const twin = url.protocol === 'https:' ? [new URL(`http://${url.host}`).origin] : [];
  const ca = settings.ca === undefined ? undefined : await readFile(settings.ca, 'utf8');
  const { forwardHeaders, fetchTimeoutMs, idleTimeoutMs } = settings;
  return {
    origin: url.origin,
    origins: new Set([url.origin, ...twin, ...settings.match.map((origin) => new URL(origin).origin)]),
    prefix: url.pathname.replace(/\/$/, ''),
    query: { drop: settings.dropQuery, sort: settings.sortQuery },
    upstream: {
      name,
      isDeclared: true,
      forwardHeaders,
      policy: configuredPolicy(settings),
      ignoreNoCache: settings.ignoreNoCache,
      closeDelimited: settings.closeDelimited,
      rangeFillBytesMax: settings.rangeFillBytesMax,
      fetchTimeoutMs,
      idleTimeoutMs,
      protection: protectionSettings(settings),
      versionEndpoints: settings.versionEndpoints.map((rule) => versionEndpoint(url, rule)),
      refreshAhead: settings.refreshAhead,
      viaName: options.viaName,
      dispatcher: agent(options, { guard: createAddressGuard(ANY_PRIVATE), ca }),
    },
  };
}

function versionEndpoint(
  { origin, pathname }: URL,
  { match, path, header, pointer }: Config['upstreams'][string]['versionEndpoints'][number],
): VersionEndpoint {
  const start = origin + pathname.replace(/\/$/, '');
  const place = start + match.replace(/\*$/, '');
  return {
    url: start + path,
    speaksFor: (url) => {
      const [asked = ''] = url.split('?', 1);
      return match.endsWith('*') ? asked.startsWith(place) : asked === place;
    },
    header,
    pointer,
  };
}

function agent(
  { limits, ownAddresses }: UpstreamRegistryOptions,
  { guard, ca }: { guard: ReturnType<typeof createAddressGuard>; ca?: string | undefined },
): Agent {
  return new Agent({
    connections: CONNECTIONS_PER_ORIGIN_MAX,
    maxOrigins: ORIGINS_MAX,
    pipelining: 1,
    maxHeaderSize: limits.headerBytesMax,
    allowH2: false,
    connect: guardedConnector({ guard, ownAddresses, ca, connectTimeoutMs: CONNECT_TIMEOUT_MS }),
  });
}

const ABSOLUTE = /^(https?):\/\/([^/?#\\]+)([^#]*)/i;
/** What no request line that Node reads contains: somebody wrote it into a configuration or a call, and means it in UTF-8. */
const NEVER_SENT = /[^!-~]/;

/** A fragment never travels; a name and password in a URL are not ours to send or to share. */
function readUrl(text: string): WrittenUrl {
  const [, scheme = '', authority = '', rest = ''] = ABSOLUTE.exec(text) ?? [];
  const place = URL.parse(`${scheme}://${authority}/`);
  if (place === null || place.hostname === '')
    throw new CacheServerError('bad-request', `not an absolute http or https URL: ${text.slice(0, 200)}`);
  if (place.username !== '' || place.password !== '')
    throw new CacheServerError(
      'bad-request',
      `the URL names a user, which shared requests cannot: ${place.host}`,
    );
  const target = rest.startsWith('/') ? rest : `/${rest}`;
  const at = target.includes('?') ? target.indexOf('?') : target.length;
  const [path, search] = [target.slice(0, at), target.slice(at)];
  if (!NEVER_SENT.test(target)) return { place, path, search };
  const escaped = new URL(place);
  escaped.pathname = path;
  escaped.search = search;
  return { place, path: escaped.pathname, search: escaped.search };
}

function belongsTo(place: URL, path: string, { origins, prefix }: Declared): boolean {
  if (!origins.has(place.origin)) return false;
  if (path !== prefix && !path.startsWith(`${prefix}/`)) return false;
  return prefix === '' || !leadsUp(path.slice(prefix.length));
}
