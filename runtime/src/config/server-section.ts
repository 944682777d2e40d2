import { z } from 'zod';
import { addressRules, byteSize, duration, hostName, port } from './fields.ts';
import { redisSection } from './redis-section.ts';

const janitorSection = z.strictObject({
  scopeTtlMs: duration()
    .prefault('7d')
    .describe(
      'How long a caller may not be heard of, or a dataset be declared nowhere, until what is stored for it goes.',
    ),
  everyMs: duration()
    .prefault('1h')
    .describe('How often one of the servers goes through the store; with a jitter of a tenth.'),
});

/** What the cache server listens on, trusts and stores in. */
export const serverSection = z.strictObject({
  host: hostName().default('127.0.0.1').describe('The address that the gRPC port listens on.'),
  port: port().default(7070).describe('The gRPC port; 0 picks a free one.'),
  adminHost: hostName()
    .default('127.0.0.1')
    .describe('The address of the admin port; 0.0.0.0 in a pod, whose probes and scrapes come from outside.'),
  adminPort: port()
    .default(7071)
    .describe('The HTTP port of /livez, /readyz and /metrics; 0 picks a free one.'),
  auth: z
    .literal('none')
    .default('none')
    .describe(
      'How a caller proves who it is. With none the call metadata is believed: for a trusted network only.',
    ),
  role: z
    .enum(['both', 'server', 'worker'])
    .default('both')
    .describe(
      'What the process does: server answers callers, worker runs the jobs of Warm and has an admin port only, both does both. Without Redis it is both.',
    ),
  janitor: janitorSection
    .prefault({})
    .describe('Removes what services and datasets that are gone left in the store.'),
  keySecret: z
    .string()
    .min(16, { error: 'at least 16 characters' })
    .optional()
    .describe(
      "Names callers' credentials in keys (HMAC-SHA256), the same secret for all servers over one Redis. Unset: one of each process, so that such entries end with it.",
    ),
  undeclared: z
    .enum(['pass', 'cache'])
    .default('pass')
    .describe(
      'What happens to upstreams that the config does not name: pass leaves them to the pod, cache caches them too.',
    ),
  allowPrivateAddresses: addressRules()
    .default([])
    .describe(
      'The addresses that are not public which the server may fetch from: loopback, link-local, private, an address, a CIDR range, a host name or *.suffix. Cloud metadata services stay refused.',
    ),
  redis: redisSection
    .optional()
    .describe(
      'The Redis that entries are kept in, so that all replicas share them. Without it each server keeps its own in memory.',
    ),
  memoryStoreBytesMax: byteSize()
    .prefault('256MiB')
    .describe(
      'How much the memory store may hold before it drops the entries used longest ago; with Redis, what datasets may take in memory while that is away.',
    ),
});
