/** Where a Redis is and who we are to it, in the words of the configuration; read here into those of the client. */
import { readFileSync } from 'node:fs';
import type { ConnectionOptions } from 'node:tls';
import type { RedisOptions } from 'ioredis';

/** Exactly one of `url`, `sentinel` and `cluster` is given. */
export interface RedisPlace {
  /** `redis://` or `rediss://`, with user, password and database number where needed. */
  url?: string | undefined;
  /** A master under sentinels, which are named as `host:port`. */
  sentinel?: RedisSentinels | undefined;
  /** URLs of some nodes of a cluster. */
  cluster?: readonly string[] | undefined;
  username?: string | undefined;
  /** A file whose first line is the password. */
  passwordFile?: string | undefined;
  tls?: RedisTls | undefined;
}

/** Sentinels, and who we are to them. */
export interface RedisSentinels {
  name: string;
  nodes: readonly string[];
  username?: string | undefined;
  passwordFile?: string | undefined;
}

/** Paths of PEM files; what is not given is as Node has it. */
export interface RedisTls {
  ca?: string | undefined;
  cert?: string | undefined;
  key?: string | undefined;
  serverName?: string | undefined;
}

/** What the client is told. */
export interface RedisTarget {
  /** Nodes of a cluster; undefined when it is none. */
  nodes: { host: string; port: number }[] | undefined;
  options: Omit<RedisOptions, 'replyMapping'>;
}

const REDIS_PORT = 6379;
const SENTINEL_PORT = 26_379;

/** Reads a place, and the files that it names. Without any way to Redis it is the one of this machine. */
export function redisTarget(place: RedisPlace): RedisTarget {
  const urls = place.cluster ?? [place.url ?? 'redis://127.0.0.1'];
  const [first = {}, ...others] = place.sentinel === undefined ? urls.map(readUrl) : [];
  const tls = place.tls !== undefined || first.tls === true ? tlsOptions(place.tls ?? {}) : undefined;
  const options = {
    ...optional('username', place.username ?? first.username),
    ...optional('password', passwordIn(place.passwordFile) ?? first.password),
    ...optional('tls', tls),
  };
  if (place.sentinel !== undefined)
    return { nodes: undefined, options: { ...options, ...sentinelOptions(place.sentinel, tls) } };
  if (place.cluster === undefined)
    return { nodes: undefined, options: { ...options, ...addressOf(first), db: first.db ?? 0 } };
  return { nodes: [first, ...others].map(addressOf), options };
}

interface ReadUrl {
  host?: string;
  port?: number;
  username?: string;
  password?: string;
  db?: number;
  tls?: boolean;
}

function readUrl(text: string): ReadUrl {
  const url = new URL(text);
  return {
    host: url.hostname.replace(/^\[(.*)\]$/, '$1'),
    port: url.port === '' ? REDIS_PORT : Number(url.port),
    ...optional('username', decodeURIComponent(url.username) || undefined),
    ...optional('password', decodeURIComponent(url.password) || undefined),
    db: Number(url.pathname.slice(1)),
    tls: url.protocol === 'rediss:',
  };
}

function addressOf({ host = '127.0.0.1', port = REDIS_PORT }: ReadUrl): { host: string; port: number } {
  return { host, port };
}

function sentinelOptions(
  { name, nodes, username, passwordFile }: RedisSentinels,
  tls: ConnectionOptions | undefined,
): Omit<RedisOptions, 'replyMapping'> {
  return {
    name,
    sentinels: nodes.map((node) => {
      const [, host = node, port] = /^\[?(.*?)\]?(?::(\d+))?$/.exec(node) ?? [];
      return { host, port: port === undefined ? SENTINEL_PORT : Number(port) };
    }),
    ...optional('sentinelUsername', username),
    ...optional('sentinelPassword', passwordIn(passwordFile)),
    ...optional('sentinelTLS', tls),
    enableTLSForSentinelMode: tls !== undefined,
  };
}

function tlsOptions({ ca, cert, key, serverName }: RedisTls): ConnectionOptions {
  return {
    ...optional('ca', contentOf(ca)),
    ...optional('cert', contentOf(cert)),
    ...optional('key', contentOf(key)),
    ...optional('servername', serverName),
  };
}

function passwordIn(file: string | undefined): string | undefined {
  return contentOf(file)?.toString('utf8').split(/\r?\n/, 1)[0];
}

function contentOf(file: string | undefined): Buffer | undefined {
  return file === undefined ? undefined : readFileSync(file);
}

/** An option, or nothing at all: an option that is undefined would hide the client's default. */
function optional<K extends string, V>(name: K, value: V | undefined): Partial<Record<K, V>> {
  return value === undefined ? {} : ({ [name]: value } as Record<K, V>);
}
