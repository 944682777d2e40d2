/**
 * A dataset from its first byte to its publication: 50 MB of JSON beside a bare `JSON.parse` of the same bytes; 1 GB of lines into a real Redis,
 * with the memory (after a warm-up of 20 MB) and the event loop of the serving process; and how early a chunk can be read.
 */
import { readFileSync } from 'node:fs';
import { Worker } from 'node:worker_threads';
import { connect } from '@pannier/client';
import type { ConfigInput } from '@pannier/runtime';
import { startMesh } from '../fixture/mesh.ts';
import type { Mesh } from '../fixture/mesh.ts';
import type { BenchOptions, BenchResult } from './bench.ts';
import { median, spread } from './bench.ts';
import { serveBody } from './json-upstream.ts';
import { peakGrowthMiB } from './resident-set.ts';

const MB = 1e6;
const ROUNDS = 3;
const ROUNDS_FULL = 7;
const LINES_BYTES = 150 * MB;
const LINES_BYTES_FULL = 1000 * MB;
/** Pace of the upstream whose first chunk is waited for, in bytes a second. */
const SLOW_BYTES_PER_S = 20e6;

type Datasets = NonNullable<ConfigInput['datasets']>;

/** Parses in a thread of its own, where nothing else has left garbage, and says how long it took. */
async function bareParseMs(path: string): Promise<number> {
  const source = `
    const { parentPort, workerData } = require('node:worker_threads');
    const text = require('node:fs').readFileSync(workerData);
    const startedMs = performance.now();
    const parsed = JSON.parse(text.toString('utf8'));
    parentPort.postMessage([performance.now() - startedMs, parsed.length]);`;
  const worker = new Worker(source, { eval: true, workerData: path });
  try {
    return await new Promise((resolve, reject) => {
      worker.once('message', ([ms]: [number]) => resolve(ms));
      worker.once('error', reject);
    });
  } finally {
    await worker.terminate();
  }
}

async function withServer<T>(
  options: { store: 'embedded' | 'redis'; url: string; small?: string; datasets: Datasets },
  run: (mesh: Mesh) => Promise<T>,
): Promise<T> {
  const { store, url, small = 'http://unused.invalid', datasets } = options;
  const upstreams = { files: { url }, small: { url: small } };
  const config = { upstreams, datasets, server: { memoryStoreBytesMax: 2 * 1024 ** 3 } };
  await using mesh = await startMesh({ store, proxies: 0, config });
  return await run(mesh);
}

/** Milliseconds from the request to the publication. */
async function cut(mesh: Mesh, dataset: string): Promise<number> {
  using client = connect(mesh.server.listening['grpc'] ?? '', { deadlineMs: 600_000 });
  const startedMs = performance.now();
  await client.dataset(dataset).version();
  return performance.now() - startedMs;
}

/** The 99th percentile of the delay of the server's event loop since its start, by its own histogram, whose values include the sampling period. */
async function eventLoopP99Ms(mesh: Mesh): Promise<number | null> {
  const text = await (await fetch(`http://${mesh.server.listening['admin']}/metrics`)).text();
  const secondsOf = (what: string): number | undefined => {
    const found = new RegExp(`^nodejs_eventloop_lag_${what}_seconds(?:\\{[^}]*\\})? (\\S+)`, 'm').exec(
      text,
    )?.[1];
    return found === undefined ? undefined : Number(found);
  };
  const [p99, least] = [secondsOf('p99'), secondsOf('min')];
  return p99 === undefined || least === undefined ? null : (p99 - least) * 1000;
}

const BY_COUNTRY = { upstream: 'files', endpoint: '/data', partitionBy: { field: 'country' } } as const;

/** Share of the body that the upstream had sent when the first record could be used. */
async function shareAtFirstRecord(): Promise<number> {
  await using slow = await serveBody({ bytes: 50 * MB, format: 'json' }, SLOW_BYTES_PER_S);
  const datasets = { chunks: { ...BY_COUNTRY, partitionBy: { chunk: { records: 5000 } } } };
  return await withServer({ store: 'embedded', url: slow.url, datasets }, async (mesh) => {
    using client = connect(mesh.server.listening['grpc'] ?? '');
    let share = NaN;
    let records = 0;
    for await (const _record of client.dataset('chunks').records()) {
      if (records === 0) share = slow.sent() / slow.bytes;
      records += 1;
    }
    return share;
  });
}

/** See the head of this file. */
export async function ingestBench({ full, progress }: BenchOptions): Promise<BenchResult> {
  const rounds = full ? ROUNDS_FULL : ROUNDS;
  progress('50 MB of JSON, embedded store, beside a bare JSON.parse');
  const bare: number[] = [];
  const cuts: number[] = [];
  {
    await using file = await serveBody({ bytes: 50 * MB, format: 'json' });
    readFileSync(file.path);
    for (let round = 0; round < rounds; round += 1) {
      bare.push(await bareParseMs(file.path));
      const options = { store: 'embedded', url: file.url, datasets: { cities: BY_COUNTRY } } as const;
      cuts.push(await withServer(options, async (mesh) => await cut(mesh, 'cities')));
    }
  }
  const linesBytes = full ? LINES_BYTES_FULL : LINES_BYTES;
  progress(`${linesBytes / MB} MB of lines into a real Redis`);
  await using lines = await serveBody({ bytes: linesBytes, format: 'ndjson' });
  const settings = { ...BY_COUNTRY, format: 'ndjson' } as const;
  await using small = await serveBody({ bytes: 20 * MB, format: 'ndjson' });
  const warmUp = { ...settings, upstream: 'small' } as const;
  const bulk = await withServer(
    { store: 'redis', url: lines.url, small: small.url, datasets: { cities: settings, warm: warmUp } },
    async (mesh) => {
      // What grows beyond this grows with the size of the data.
      await cut(mesh, 'warm');
      let ms = NaN;
      const [growthMiB = NaN] = await peakGrowthMiB([mesh.server.pid], async () => {
        ms = await cut(mesh, 'cities');
      });
      return { ms, growthMiB, p99Ms: await eventLoopP99Ms(mesh) };
    },
  );
  progress('the first chunk of 50 MB at 20 MB/s');
  const share = await shareAtFirstRecord();
  return {
    figures: {
      timesBareParse: median(cuts) / median(bare),
      eventLoopP99Ms: bulk.p99Ms,
      rssGrowthMiB: bulk.growthMiB,
      shareSentAtFirstRecord: share,
    },
    table: [
      '50 MB of JSON by country              ms, median (spread)',
      `  bare JSON.parse                     ${spread(bare)}`,
      `  fetch, cut, store, publish          ${spread(cuts)}`,
      '',
      `${linesBytes / MB} MB of lines by country into Redis: ${(bulk.ms / 1000).toFixed(1)} s, ${(linesBytes / MB / (bulk.ms / 1000)).toFixed(0)} MB/s`,
      `  peak growth of RSS ${bulk.growthMiB.toFixed(0)} MiB, event loop p99 ${bulk.p99Ms?.toFixed(1) ?? '?'} ms`,
      `first record of a chunk when the upstream had sent ${(share * 100).toFixed(0)} % of 50 MB`,
    ],
  };
}
