import { z } from 'zod';
import { datasetsSection } from './dataset-section.ts';
import { limitsSection } from './limits-section.ts';
import { logSection } from './log-section.ts';
import { proxySection } from './proxy-section.ts';
import { serverSection } from './server-section.ts';
import { upstreamsSection } from './upstream-section.ts';

const sections = z.strictObject({
  server: serverSection.prefault({}).describe('The cache server.'),
  proxy: proxySection.prefault({}).describe('The sidecar proxy.'),
  upstreams: upstreamsSection.default({}).describe('The external APIs that Pannier fetches from, by name.'),
  datasets: datasetsSection.default({}).describe('The bodies that are also kept as records, by name.'),
  limits: limitsSection.prefault({}).describe('The bound of everything that could grow.'),
  log: logSection.prefault({}).describe('What is logged, and how.'),
});

/** The whole of `pannier.yaml`. Sizes are bytes and durations milliseconds once parsed, as the names say. */
export const configSchema = sections.superRefine((config, context) => {
  const names = Object.keys(config.upstreams);
  for (const [name, dataset] of Object.entries(config.datasets)) {
    if (names.includes(dataset.upstream)) continue;
    const message =
      names.length === 0
        ? 'the name of an upstream, but none is declared'
        : `a declared upstream: ${names.join(', ')}`;
    context.addIssue({
      code: 'custom',
      path: ['datasets', name, 'upstream'],
      input: dataset.upstream,
      message,
    });
  }
  refuseClaimedTwice(config.upstreams, context);
  if (config.server.role !== 'both' && config.server.redis === undefined) {
    context.addIssue({
      code: 'custom',
      path: ['server', 'role'],
      input: config.server.role,
      message: 'both, as server.redis is not set: jobs wait where another process could take them',
    });
  }
});

/** A request must belong to one upstream only, so no two may name the same place. */
function refuseClaimedTwice(
  upstreams: z.output<typeof upstreamsSection>,
  context: z.core.$RefinementCtx,
): void {
  const owners = new Map<string, string>();
  for (const [name, { url, match }] of Object.entries(upstreams)) {
    const claims = [
      { place: url, path: ['upstreams', name, 'url'] },
      ...match.map((place, index) => ({ place, path: ['upstreams', name, 'match', index] })),
    ];
    for (const { place, path } of claims) {
      // Refinements of a field do not stop this one: what is no URL has been refused already.
      const key = URL.parse(place)?.href.replace(/\/$/, '');
      if (key === undefined) continue;
      const owner = owners.get(key);
      if (owner !== undefined && owner !== name) {
        context.addIssue({
          code: 'custom',
          path,
          input: place,
          message: `a place that upstreams.${owner} does not claim already`,
        });
      }
      owners.set(key, owner ?? name);
    }
  }
}

/** A complete config: every key present, save those that are documented to have no default. */
export type Config = z.output<typeof configSchema>;

/** What a person may write: every key optional, sizes and durations also as text. */
export type ConfigInput = z.input<typeof configSchema>;
