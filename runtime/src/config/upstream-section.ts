import { z } from 'zod';
import { byteSize, duration, entryName, httpOrigin, httpUrl } from './fields.ts';
import { protectionFields } from './protection-section.ts';
import { fallbackField } from './proxy-section.ts';
import { refreshFields } from './refresh-section.ts';

/** Never sent on a shared fetch: they name a person, a hop or the caller's own cache. RFC 9110 section 7.6.1, RFC 9111 section 3.5. */
const unsharableHeaders =
  /^(authorization|connection|content-length|cookie|host|if-.*|keep-alive|proxy-.*|range|te|trailer|transfer-encoding|upgrade)$/;

const sharableHeader = z
  .string()
  .regex(/^[!#$%&'*+.^_`|~\w-]+$/, { error: 'a header name, or * for all of them' })
  .toLowerCase()
  .refine((name) => !unsharableHeaders.test(name), {
    error:
      'a header that a shared request may carry: no credentials, conditions, ranges or hop-by-hop headers',
  });

/** As much as a fetch may still bring that nobody waits for. */
const rangeFillBytesLimit = 32 * 1024 * 1024;

const year = 365 * 24 * 3600 * 1000;

function lifetime() {
  return duration({ min: 0, max: year });
}

/** How long a response stays fresh; what it says itself comes first, but for `forcedTtlMs`. */
const lifetimeFields = {
  defaultTtlMs: lifetime()
    .optional()
    .describe(
      'How long a response stays fresh that says nothing of it and has no Last-Modified. Unset: it is revalidated on every use.',
    ),
  minTtlMs: lifetime().prefault(0).describe('How long a response stays fresh at least, whatever it says.'),
  forcedTtlMs: lifetime()
    .optional()
    .describe('How long every response stays fresh, whatever it says; `no-store` and `private` still hold.'),
  heuristicShare: z
    .number()
    .min(0)
    .max(1)
    .default(0.1)
    .describe(
      'A response that says nothing stays fresh for this share of the time since its Last-Modified (RFC 9111 section 4.2.2); 0: not at all.',
    ),
  heuristicTtlMaxMs: lifetime().prefault('1h').describe('The most that heuristicShare gives.'),
  negativeTtlMs: z
    .record(z.string().regex(/^[345]\d\d$/, { error: 'a status from 300 to 599' }), lifetime())
    .default({})
    .describe('How long a response of that status stays fresh that says nothing of it, such as `404: 10s`.'),
  staleIfErrorMs: lifetime()
    .prefault(0)
    .describe(
      'How long after its time a response may be used while the upstream fails, where it neither allows nor forbids that itself.',
    ),
};

const upstreamFields = z.strictObject({
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
      "The request headers that a shared fetch passes on; each also tells entries apart. All others are the server's own. `*` passes on all that are end-to-end and no credentials; then only those tell entries apart that stand beside it or that the responses' Vary names. So whoever sends such a header shapes the answer that everybody gets, if the upstream lets the header show in it: use `*` only where the upstream names in Vary all that its answers depend on. Headers that give a request another host, path, method or sender, such as X-Forwarded-Host, are passed on only by name.",
    ),
  fetchTimeoutMs: duration().prefault('30s').describe('How long the response head may take.'),
  idleTimeoutMs: duration().prefault('30s').describe('How long the body may pause between two bytes.'),
  ...lifetimeFields,
  ...protectionFields,
  ...refreshFields,
  setCookie: z
    .enum(['never-share', 'rfc'])
    .default('never-share')
    .describe(
      '`never-share`: a response with Set-Cookie is for one caller alone. `rfc`: it is stored like any other, cookie included (RFC 9111 section 7.3).',
    ),
  credentials: z
    .enum(['never', 'rfc', 'keyed'])
    .default('never')
    .describe(
      '`never`: a request with Authorization goes past the cache. `rfc`: its response is shared where it says that it may be (RFC 9111 section 3.5). `keyed`: its response is stored for those alone who send the same credentials, `private` or not; see server.keySecret.',
    ),
  doubtfulAge: z
    .enum(['stale', 'rfc'])
    .default('stale')
    .describe(
      'What to make of an Age that cannot be read or was sent twice. `stale`: the response is revalidated on every use. `rfc`: its first member counts, and one that is no number is ignored (RFC 9111 section 5.1).',
    ),
  closeDelimited: z
    .enum(['relay', 'rfc'])
    .default('relay')
    .describe(
      'What to make of a body that only the end of its connection delimits. `relay`: it is passed on and not stored, since a broken connection may look the same, and an unknown transfer coding is refused. `rfc`: it is whole (RFC 9112 sections 6.3 and 8).',
    ),
  rangeFillBytesMax: byteSize({ min: 0, max: rangeFillBytesLimit })
    .prefault('8MiB')
    .describe(
      'When a part is fetched of a response that is at most this long, all of it is fetched behind the answer, so that other parts of it are hits. 0: never.',
    ),
  ignoreNoCache: z
    .boolean()
    .default(false)
    .describe("Whether the clients' `no-cache`, `max-age`, `min-fresh` and `Pragma` are ignored."),
  dropQuery: z
    .array(
      z.string().regex(/^[^&=#]+\*?$/, { error: 'the name of a query parameter, perhaps with * at its end' }),
    )
    .default([])
    .describe('Query parameters that are neither sent nor told apart, such as `utm_*`.'),
  sortQuery: z
    .boolean()
    .default(false)
    .describe(
      'Whether the parameters of a query are sorted by name, so that their order makes no difference.',
    ),
  fallback: fallbackField.optional().describe('As proxy.fallback, for this upstream alone.'),
});

const upstream = upstreamFields.superRefine(({ credentials, forwardHeaders }, context) => {
  if (credentials !== 'keyed' || !forwardHeaders.includes('*')) return;
  context.addIssue({
    code: 'custom',
    path: ['credentials'],
    message:
      'never or rfc beside forwardHeaders: ["*"], for other headers than credentials may say who the caller is',
  });
});

/** The declared upstreams by name; the name is the scope that their entries are shared under. */
export const upstreamsSection = z.record(entryName(), upstream);
