import { z } from 'zod';
import { byteSize, duration } from './fields.ts';
import { redisUrl, sentinelAddress } from './redis-url.ts';

const userName = (whose: string) =>
  z.string().min(1, { error: 'a user name' }).optional().describe(`The ACL user ${whose}.`);

const passwordFile = (whose: string) =>
  z
    .string()
    .min(1, { error: 'the path of a file' })
    .optional()
    .describe(`A file whose first line is the password ${whose}, so that it stands in no configuration.`);

const sentinel = z.strictObject({
  name: z
    .string()
    .regex(/^\S+$/, { error: 'a name without spaces' })
    .describe('What the sentinels call the master, as in their `sentinel monitor NAME …`.'),
  nodes: z
    .array(sentinelAddress())
    .min(1, { error: 'at least one sentinel as host:port' })
    .describe('The sentinels, as host:port; 26379 without a port. Some are enough: they name the others.'),
  username: userName('at the sentinels'),
  passwordFile: passwordFile('of the sentinels'),
});

const tlsFile = () => z.string().min(1, { error: 'the path of a PEM file' }).optional();

const tls = z.strictObject({
  ca: tlsFile().describe('A PEM file of the authorities to trust; the system’s own without it.'),
  cert: tlsFile().describe('A PEM file with the certificate that we show, where Redis asks for one.'),
  key: tlsFile().describe('A PEM file with the private key of `cert`.'),
  serverName: z
    .string()
    .regex(/^\S+$/, { error: 'a host name' })
    .optional()
    .describe('The name that the certificate of Redis must carry; by default the host that we connect to.'),
});

/** How a Redis is reached. */
const connectionFields = {
  url: redisUrl()
    .optional()
    .describe('A single Redis: redis://[user:password@]host[:port][/db], or rediss:// for TLS.'),
  sentinel: sentinel
    .optional()
    .describe('A master that sentinels watch over; they are asked where it is after every break.'),
  cluster: z
    .array(redisUrl())
    .min(1, { error: 'at least one redis:// or rediss:// URL' })
    .optional()
    .describe('A Redis Cluster: URLs of some of its nodes, which name the others.'),
  username: userName('at Redis'),
  passwordFile: passwordFile('of Redis'),
  tls: tls
    .optional()
    .describe(
      'Speaks TLS, with sentinels too. A URL says so itself: rediss://, without more for public CAs.',
    ),
};

const control = z.strictObject(connectionFields).superRefine(requireOneWay);

export const redisSection = z
  .strictObject({
    ...connectionFields,
    keyPrefix: z
      .string()
      .regex(/^[\w.-]+$/, { error: 'letters, digits, dots, hyphens and underscores' })
      .default('pannier')
      .describe('What every key in Redis begins with; meshes that share one Redis differ in it.'),
    commandTimeoutMs: duration()
      .prefault(1000)
      .describe('How long one Redis command may take before the server answers without Redis.'),
    protocol: z
      .literal([2, 3])
      .default(3)
      .describe('The RESP version to speak; 2 for old servers and some managed or proxied ones.'),
    control: control
      .optional()
      .describe(
        'Another Redis for generations, leases, flights and jobs, which must never be evicted (noeviction). Without it they share the one above.',
      ),
    memoryTierBytesMax: byteSize({ min: 0 })
      .prefault('64MiB')
      .describe(
        'How much of what was read from Redis last the server keeps in its own memory; 0 keeps nothing.',
      ),
  })
  .superRefine(requireOneWay);

type Connection = z.output<typeof control>;

/** Exactly one way to Redis, and nothing beside it that contradicts it. */
function requireOneWay(redis: Connection, context: z.core.$RefinementCtx): void {
  const refuse = (path: PropertyKey[], message: string): void =>
    context.addIssue({ code: 'custom', path, message, input: redis });
  const ways = [redis.url, redis.sentinel, redis.cluster].filter((way) => way !== undefined);
  if (ways.length !== 1) refuse([], 'exactly one of url, sentinel and cluster');
  const urls = redis.cluster ?? (redis.url === undefined ? [] : [redis.url]);
  for (const [index, url] of urls.entries()) {
    const path = redis.cluster === undefined ? ['url'] : ['cluster', index];
    if (redis.tls !== undefined && url.startsWith('redis:')) refuse(path, 'a rediss:// URL beside tls');
    if (redis.passwordFile !== undefined && /:[^/@]+@/.test(url))
      refuse(path, 'a URL without a password beside passwordFile');
  }
  const databases = (redis.cluster ?? []).map((url) => /[^/]\/(\d+)$/.exec(url)?.[1] ?? '0');
  const other = databases.findIndex((database) => Number(database) !== 0);
  if (other >= 0) refuse(['cluster', other], 'a URL without a database number: a cluster has one database');
  const { cert, key } = redis.tls ?? {};
  if ((cert === undefined) !== (key === undefined)) refuse(['tls'], 'cert and key together, or neither');
}
