import { z } from 'zod';
import { duration, entryName, httpOrigin, httpUrl } from './fields.ts';
import { fallbackField } from './proxy-section.ts';

/** Never sent on a shared fetch: they name a person, a hop or the caller's own cache. RFC 9110 section 7.6.1, RFC 9111 section 3.5. */
const unsharableHeaders =
  /^(authorization|connection|content-length|cookie|host|if-.*|keep-alive|proxy-.*|range|te|trailer|transfer-encoding|upgrade)$/;

const sharableHeader = z
  .string()
  .regex(/^[!#$%&'*+.^_`|~\w-]+$/, { error: 'a header name' })
  .toLowerCase()
  .refine((name) => !unsharableHeaders.test(name), {
    error:
      'a header that a shared request may carry: no credentials, conditions, ranges or hop-by-hop headers',
  });

const year = 365 * 24 * 3600 * 1000;

const upstream = z.strictObject({
  url: httpUrl().describe('Where the API is, with the path that all its endpoints share. https is verified.'),
  match: z
    .array(httpOrigin())
    .default([])
    .describe(
      'Further origins whose requests belong here, such as http://api.example for an API fetched over https.',
    ),
  ca: z
    .string()
    .min(1)
    .optional()
    .describe(
      'A PEM file with the certificate authorities to trust for this upstream, instead of the public ones.',
    ),
  forwardHeaders: z
    .array(sharableHeader)
    .default(['accept', 'accept-language'])
    .describe(
      "The request headers that a shared fetch passes on; each also tells entries apart. All others are the server's own.",
    ),
  fetchTimeoutMs: duration().prefault('30s').describe('How long the response head may take.'),
  idleTimeoutMs: duration().prefault('30s').describe('How long the body may pause between two bytes.'),
  defaultTtlMs: duration({ min: 0, max: year })
    .optional()
    .describe(
      'How long a response stays fresh that says nothing of it. Unset: it is revalidated on every use.',
    ),
  fallback: fallbackField.optional().describe('As proxy.fallback, for this upstream alone.'),
});

/** The declared upstreams by name; the name is the scope that their entries are shared under. */
export const upstreamsSection = z.record(entryName(), upstream);
