/**
 * What a hit costs in each tier: the near cache of the proxy, the memory of the server, Redis; beside the upstream itself, asked directly. Small bodies (1 KB)
 * that ride inside the answer, and larger ones (256 KiB) that have a stream of their own. Low concurrency: one client for the waits, eight for the rate.
 * Then what a data set of 50 MB takes in Redis, beside its raw bytes.
 */
import { connect } from '@pannier/client';
import { curl } from '../fixture/curl.ts';
import { eventually } from '../fixture/eventually.ts';
import { startMesh } from '../fixture/mesh.ts';
import type { Mesh, MeshOptions } from '../fixture/mesh.ts';
import type { BenchOptions, BenchResult } from './bench.ts';
import { measureHits } from './hit-rate.ts';
import type { HitReport } from './hit-rate.ts';
import { serveBody } from './json-upstream.ts';
import { quantile } from './latency.ts';
import { memoryByKind } from './redis-memory.ts';

const MB = 1_000_000;
const DATASET_BYTES = 50 * MB;
const DURATION_MS = 1000;
const DURATION_FULL_MS = 6000;
const CLIENTS = 8;
/** Few enough that all of them stay in every tier. */
const URLS = 50;

/** A tier: the mesh that answers from it, or the upstream itself. */
interface Tier {
  readonly name: string;
  readonly figure: string;
  /** Who says `hit` when it answers. */
  readonly outcome: string;
  readonly options: MeshOptions;
}

const WITHOUT_NEAR = { proxy: { nearCacheBytesMax: 0 } };

const TIERS: readonly Tier[] = [
  { name: 'near cache', figure: 'near', outcome: 'pannier-proxy', options: { store: 'redis' } },
  {
    name: 'memory of the server',
    figure: 'memory',
    outcome: 'pannier-server',
    options: { store: 'redis', config: WITHOUT_NEAR },
  },
  {
    name: 'Redis',
    figure: 'redis',
    outcome: 'pannier-server',
    options: { store: 'redis', config: WITHOUT_NEAR, redisSettings: { memoryTierBytesMax: 0 } },
  },
];

const SIZES = {
  '1 KB': (upstream: string, id: number) => `${upstream}/small?id=${id}&maxAge=3600`,
  '256 KiB': (upstream: string, id: number) => `${upstream}/generated/256KiB?seed=${id}&maxAge=3600`,
} as const;

/** One tier with one size of body. */
interface Measured {
  readonly one: HitReport;
  readonly many: HitReport;
  /** Commands that Redis was sent for one hit. */
  readonly redisCommands: number;
  /** Share of the answers that came from this tier. */
  readonly share: number;
}

async function commandsSoFar({ redis }: Mesh): Promise<number> {
  const info = String(await redis?.command('INFO', 'stats'));
  return Number(/^total_commands_processed:(\d+)/m.exec(info)?.[1]);
}

async function measureTier(
  mesh: Mesh,
  tier: Tier,
  { urls, durationMs }: { urls: readonly string[]; durationMs: number },
): Promise<Measured> {
  const proxyUrl = mesh.proxyUrl();
  // The first round is fetched, the second is stored, the third is near; and whoever is asked for the first time is still being compiled.
  for (let round = 0; round < 3; round += 1) for (const url of urls) await curl(url, proxyUrl);
  await measureHits({ urls, proxyUrl, clients: CLIENTS, durationMs: durationMs / 2 });
  const one = await measureHits({ urls, proxyUrl, clients: 1, durationMs });
  const before = await commandsSoFar(mesh);
  const many = await measureHits({ urls, proxyUrl, clients: CLIENTS, durationMs });
  const redisCommands = ((await commandsSoFar(mesh)) - before) / many.waitsMs.length;
  const share = (many.outcomes[tier.outcome] ?? 0) / many.waitsMs.length;
  return { one, many, redisCommands, share };
}

async function measureUpstream(upstream: string, durationMs: number): Promise<string[]> {
  const rows: string[] = [];
  for (const [size, urlOf] of Object.entries(SIZES)) {
    const urls = Array.from({ length: URLS }, (_, id) => urlOf(upstream, id));
    const order = { urls, proxyUrl: undefined, durationMs };
    const one = await measureHits({ ...order, clients: 1 });
    const many = await measureHits({ ...order, clients: CLIENTS });
    rows.push(row('upstream, directly', size, { one, many, redisCommands: 0, share: 1 }));
  }
  return rows;
}

function row(name: string, size: string, { one, many, redisCommands, share }: Measured): string {
  const ms = (quantileShare: number): string => quantile(one.waitsMs, quantileShare).toFixed(2).padStart(8);
  const rate = many.perS.toFixed(0).padStart(10);
  const told = `${redisCommands.toFixed(1).padStart(10)}  ${(share * 100).toFixed(0).padStart(4)} %`;
  return `  ${name.padEnd(22)} ${size.padEnd(8)} ${ms(0.5)} ${ms(0.99)} ${rate} ${told}`;
}

function figuresOf(figure: string, { one, many }: Measured): Record<string, number> {
  return {
    [`${figure}P50Ms`]: quantile(one.waitsMs, 0.5),
    [`${figure}P99Ms`]: quantile(one.waitsMs, 0.99),
    [`${figure}PerS`]: many.perS,
  };
}

/** A data set and its original in Redis, beside its raw bytes. */
async function datasetMemory(): Promise<{ figures: Record<string, number>; table: string[] }> {
  await using file = await serveBody({ bytes: DATASET_BYTES, format: 'json' });
  const datasets = {
    cities: { upstream: 'files', endpoint: '/data', partitionBy: { field: 'country' } },
  } as const;
  const config = { upstreams: { files: { url: file.url } }, datasets };
  const measure = async (
    ask: (mesh: Mesh) => Promise<unknown>,
  ): Promise<[bytes: number, kinds: string[]]> => {
    await using mesh = await startMesh({ store: 'redis', config });
    if (mesh.redis === undefined) throw new Error('a mesh without its Redis');
    await ask(mesh);
    const { redis } = mesh;
    const kinds = await eventually(async () => {
      const found = await memoryByKind(redis);
      // The last partitions and the manifest come a moment after the last byte.
      if (found['manifest'] === undefined || found['lease'] !== undefined) throw new Error('not stored yet');
      return found;
    });
    const lines = Object.entries(kinds).map(
      ([kind, { keys, bytes }]) =>
        `    ${kind.padEnd(14)} ${String(keys).padStart(6)} keys ${(bytes / MB).toFixed(1).padStart(7)} MB`,
    );
    // The records of flights are gone half a minute after them.
    return [(kinds['frame']?.bytes ?? 0) + (kinds['manifest']?.bytes ?? 0), lines];
  };
  const [originalBytes, originalKinds] = await measure(
    async (mesh) => await curl(`${file.url}/data`, mesh.proxyUrl()),
  );
  const [datasetBytes, datasetKinds] = await measure(async (mesh) => {
    using client = connect(mesh.serverAddress(), { deadlineMs: 600_000 });
    await client.dataset('cities').version();
  });
  const show = (bytes: number): string =>
    `${(bytes / MB).toFixed(1)} MB, ${(bytes / file.bytes).toFixed(2)} of the raw bytes`;
  return {
    figures: {
      rawMb: file.bytes / MB,
      redisMbOfBody: originalBytes / MB,
      redisMbOfDataset: datasetBytes / MB,
    },
    table: [
      `Redis memory (MEMORY USAGE of manifests and frames) for ${(file.bytes / MB).toFixed(1)} MB of JSON records`,
      `  as a body                    ${show(originalBytes)}`,
      ...originalKinds,
      `  as a data set by country     ${show(datasetBytes)}, the body as far as it is kept for it included`,
      ...datasetKinds,
    ],
  };
}

/** See the head of this file. */
export async function tiersBench({ full, progress }: BenchOptions): Promise<BenchResult> {
  const durationMs = full ? DURATION_FULL_MS : DURATION_MS;
  const rows: string[] = [];
  let figures: Record<string, number> = {};
  for (const tier of TIERS) {
    await using mesh = await startMesh(tier.options);
    for (const [size, urlOf] of Object.entries(SIZES)) {
      progress(`${tier.name}: ${size}`);
      const urls = Array.from({ length: URLS }, (_, id) => urlOf(mesh.upstream.url, id));
      const measured = await measureTier(mesh, tier, { urls, durationMs });
      rows.push(row(tier.name, size, measured));
      figures = { ...figures, ...figuresOf(size === '1 KB' ? tier.figure : `${tier.figure}Large`, measured) };
    }
    if (tier === TIERS.at(-1)) rows.push(...(await measureUpstream(mesh.upstream.url, durationMs)));
  }
  progress('50 MB of records in Redis');
  const memory = await datasetMemory();
  return {
    figures: { ...figures, ...memory.figures },
    table: [
      `  ${'hits by tier'.padEnd(22)} ${'body'.padEnd(8)} ${'p50 ms'.padStart(8)} ${'p99 ms'.padStart(8)} ${'per s, 8'.padStart(10)} ${'Redis/hit'.padStart(10)}  of it`,
      ...rows,
      '',
      ...memory.table,
    ],
  };
}
