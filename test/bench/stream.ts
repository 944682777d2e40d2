/**
 * A large body through proxy and server: how much both grow while a slow reader takes it, relayed and stored, and how fast a fast
 * reader gets it, beside a direct download from the same upstream in the same run.
 */
import type { IncomingMessage } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { curlHead } from '../fixture/curl.ts';
import { startMesh } from '../fixture/mesh.ts';
import type { Mesh } from '../fixture/mesh.ts';
import { startProcess } from '../fixture/pannier-process.ts';
import type { BenchOptions, BenchResult } from './bench.ts';
import { median, spread } from './bench.ts';
import { peakGrowthMiB } from './resident-set.ts';

const MIB = 1024 ** 2;
/** The pace of the slow reader, in bytes a second. */
const READER_BYTES_PER_S = 50e6;
const ROUNDS = 5;

async function drain(response: IncomingMessage, bytesPerS = Infinity): Promise<number> {
  const startedMs = performance.now();
  let bytes = 0;
  for await (const chunk of response) {
    bytes += (chunk as Buffer).length;
    const aheadMs = (bytes / bytesPerS) * 1000 - (performance.now() - startedMs);
    if (aheadMs > 5) await delay(aheadMs);
  }
  return bytes;
}

async function read(
  url: string,
  options: { proxyUrl?: string; bytes: number; bytesPerS?: number },
): Promise<number> {
  const startedMs = performance.now();
  const bytes = await drain(await curlHead(url, options.proxyUrl), options.bytesPerS);
  if (bytes !== options.bytes) throw new Error(`${url}: ${bytes} bytes instead of ${options.bytes}`);
  return bytes / MIB / ((performance.now() - startedMs) / 1000);
}

function body(upstreamUrl: string, bytes: number, seed: number): string {
  return `${upstreamUrl}/generated/${bytes}?maxAge=600&seed=${seed}`;
}

/** A mesh and an upstream in a process of its own, so that nobody shares an event loop. */
interface Rig {
  readonly mesh: Mesh;
  readonly upstreamUrl: string;
}

interface Growth {
  readonly proxy: number;
  readonly server: number;
}

/** One slow read after a warm-up of the same kind. */
async function slowRead({ mesh, upstreamUrl }: Rig, bytes: number): Promise<Growth> {
  const proxyUrl = mesh.proxyUrl();
  for (const seed of [1, 2]) await read(body(upstreamUrl, 128 * MIB, seed), { proxyUrl, bytes: 128 * MIB });
  const pids = [mesh.proxies[0]?.pid ?? 0, mesh.server.pid];
  const [proxy = NaN, server = NaN] = await peakGrowthMiB(pids, async () => {
    await read(body(upstreamUrl, bytes, 3), { proxyUrl, bytes, bytesPerS: READER_BYTES_PER_S });
  });
  return { proxy, server };
}

interface Throughputs {
  readonly direct: number[];
  readonly cold: number[];
  readonly hit: number[];
}

/** Direct, cold and hit take turns, so that the machine's moods meet all three. */
async function throughputs({ mesh, upstreamUrl }: Rig, rounds: number): Promise<Throughputs> {
  const bytes = 256 * MIB;
  const proxyUrl = mesh.proxyUrl();
  const found: Throughputs = { direct: [], cold: [], hit: [] };
  for (let round = 0; round < rounds; round += 1) {
    const url = body(upstreamUrl, bytes, 100 + round);
    found.direct.push(await read(url, { bytes }));
    found.cold.push(await read(url, { proxyUrl, bytes }));
    // The entry is published a moment after its last byte.
    await delay(300);
    found.hit.push(await read(url, { proxyUrl, bytes }));
  }
  return found;
}

/** See the head of this file. */
export async function streamBench({ full, progress }: BenchOptions): Promise<BenchResult> {
  const bytes = full ? 1024 * MIB : 384 * MIB;
  await using upstream = await startProcess({
    main: 'examples/upstream/src/main.ts',
    portFlags: { url: '--port' },
  });
  const upstreamUrl = upstream.listening['url'] ?? '';
  const upstreams = { bulk: { url: upstreamUrl } };
  progress(`relayed: ${bytes / MIB} MiB at 50 MB/s over entryBytesMax, embedded store`);
  const relayed = await (async () => {
    await using mesh = await startMesh({ config: { upstreams, limits: { entryBytesMax: 64 * MIB } } });
    return await slowRead({ mesh, upstreamUrl }, bytes);
  })();
  await using mesh = await startMesh({ store: 'redis', config: { upstreams } });
  progress(`stored: ${bytes / MIB} MiB at 50 MB/s, a real Redis`);
  const stored = await slowRead({ mesh, upstreamUrl }, bytes);
  progress('throughput: 256 MiB direct, cold and hit in turns');
  const { direct, cold, hit } = await throughputs({ mesh, upstreamUrl }, full ? ROUNDS : 2);
  const ratio = (values: number[]): number => median(values) / median(direct);
  return {
    figures: {
      rssGrowthMiBProxy: Math.max(relayed.proxy, stored.proxy),
      rssGrowthMiBServer: Math.max(relayed.server, stored.server),
      throughputRatioCold: ratio(cold),
      throughputRatioHit: ratio(hit),
    },
    table: [
      'peak growth of RSS, MiB     proxy   server',
      `  relayed (embedded)      ${relayed.proxy.toFixed(1).padStart(7)}  ${relayed.server.toFixed(1).padStart(7)}`,
      `  stored (Redis)          ${stored.proxy.toFixed(1).padStart(7)}  ${stored.server.toFixed(1).padStart(7)}`,
      '',
      'MiB/s of 256 MiB, median (spread)      ratio to direct',
      `  direct  ${spread(direct).padEnd(28)}  1`,
      `  cold    ${spread(cold).padEnd(28)}  ${ratio(cold).toFixed(2)}`,
      `  hit     ${spread(hit).padEnd(28)}  ${ratio(hit).toFixed(2)}`,
    ],
  };
}
