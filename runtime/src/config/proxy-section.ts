import { z } from 'zod';
import { byteSize, count, duration, hostName, httpUrl, port } from './fields.ts';

const serverAddress = z
  .string()
  .regex(/^(dns:\/\/\/)?([\w.-]+|\[[\da-fA-F:.]+\]):\d{1,5}$/, { error: 'host:port or dns:///name:port' });

const routePrefix = z
  .string()
  .regex(/^\/(?!\.pannier(\/|$))[^\s?#]*$/, { error: 'a path prefix such as /geo, other than /.pannier' });

/** How an upstream is treated while no cache server answers. */
export const fallbackField = z.enum(['direct', 'limited', 'stale-only']);

/** What the sidecar listens on and whom it asks. */
export const proxySection = z.strictObject({
  host: hostName()
    .default('127.0.0.1')
    .describe('The address that the HTTP proxy listens on; it is meant for its own pod.'),
  port: port().default(7080).describe('The HTTP proxy port; 0 picks a free one.'),
  adminHost: hostName()
    .default('127.0.0.1')
    .describe('The address of the admin port; 0.0.0.0 in a pod, whose probes and scrapes come from outside.'),
  adminPort: port()
    .default(7081)
    .describe('The HTTP port of /livez, /readyz and /metrics; 0 picks a free one.'),
  servers: z
    .array(serverAddress)
    .min(1, { error: 'at least one server' })
    .default(['127.0.0.1:7070'])
    .describe(
      'The cache servers to ask: host:port each, or one dns:///name:port for all addresses of a name.',
    ),
  identity: z
    .string()
    .regex(/^[\x21-\x7e]{1,200}$/, { error: '1 to 200 printable characters without spaces' })
    .default('default')
    .describe('The caller that this proxy tells the cache server it is, while server.auth is none.'),
  nearCacheBytesMax: byteSize({ min: 0 })
    .prefault('64MiB')
    .describe('How much the near cache in the proxy may hold; 0 turns it off.'),
  nearEntryBytesMax: byteSize({ min: 0 })
    .prefault('1MiB')
    .describe('The largest body that the near cache keeps.'),
  nearTrustMs: duration({ min: 100, max: 60_000 })
    .prefault('1s')
    .describe(
      'How long the near cache goes on without a sign of life from the log of invalidations before it asks a server about each entry; a purge reaches it within this time at the latest.',
    ),
  routes: z
    .record(routePrefix, httpUrl())
    .default({})
    .describe(
      'Path prefixes of the proxy itself that stand for an upstream: {/geo: https://api.example/v1}. The longest prefix wins.',
    ),
  fallback: fallbackField
    .default('direct')
    .describe(
      "While no cache server answers: direct fetches from the upstream; limited does so within this proxy's part of the upstream's concurrencyMax and rate (see fallbackProxies), and is like direct where it has neither; stale-only answers from the near cache alone.",
    ),
  fallbackProxies: count({ max: 100_000 })
    .default(10)
    .describe(
      "How many proxies are taken to divide an upstream's concurrencyMax and rate while no cache server answers and the fallback is limited: each asks within one such part, and at least one request at once. Others wait as queueMax and queueTimeoutMs say, and are then answered by 503, or by what is stale.",
    ),
});
