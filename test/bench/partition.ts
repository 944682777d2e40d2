/**
 * One country of a 50 MB document as usable objects: the SDK reading a partition beside an nginx that answers from its cache, whose whole body is
 * parsed and filtered. Steady state; the ways take turns, each in a process of its own, as services are.
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { startMesh } from '../fixture/mesh.ts';
import { startNginx } from '../fixture/nginx.ts';
import { portForward } from '../fixture/port-forward.ts';
import type { BenchOptions, BenchResult } from './bench.ts';
import { median, spread } from './bench.ts';
import { serveBody } from './json-upstream.ts';
import type { ReaderResult } from './partition-reader.ts';

const BYTES = 50_000_000;
const ROUNDS = 7;
const ROUNDS_FULL = 21;
const WARM_UPS: Readonly<Record<string, number>> = { sdk: 40, 'sdk, near cache': 40 };

/** A reader in a process of its own. */
interface Reader extends Disposable {
  read(): Promise<ReaderResult>;
}

function startReader(kind: string, place: string): Reader {
  const child = fork(new URL('./partition-reader.ts', import.meta.url), [kind, place]);
  const ended = once(child, 'exit').then(() => Promise.reject(new Error(`the reader by ${kind} ended`)));
  ended.catch(() => undefined);
  return {
    async read() {
      child.send('read');
      const answered = new AbortController();
      try {
        const [result] = (await Promise.race([once(child, 'message', answered), ended])) as [ReaderResult];
        return result;
      } finally {
        answered.abort();
      }
    },
    [Symbol.dispose]: () => void child.kill(),
  };
}

interface Measured {
  readonly ms: number[];
  bytes: number;
  records: number;
}

async function measure(
  readers: Readonly<Record<string, Reader>>,
  rounds: number,
): Promise<Record<string, Measured>> {
  const names = Object.keys(readers);
  const found = Object.fromEntries(
    names.map((name): [string, Measured] => [name, { ms: [], bytes: 0, records: 0 }]),
  );
  // Whoever is asked for the first time is still being compiled.
  for (const name of names)
    for (let warm = 0; warm < (WARM_UPS[name] ?? 2); warm += 1) await readers[name]?.read();
  for (let round = 0; round < rounds; round += 1) {
    for (const name of names) {
      const result = await readers[name]?.read();
      const measured = found[name];
      if (result === undefined || measured === undefined) continue;
      measured.ms.push(result.ms);
      measured.bytes = result.bytes;
      measured.records = result.records;
    }
  }
  return found;
}

/** See the head of this file. */
export async function partitionBench({ full, progress }: BenchOptions): Promise<BenchResult> {
  progress('writing 50 MB of distinct records');
  await using file = await serveBody({ bytes: BYTES, format: 'json' });
  await using parts = new AsyncDisposableStack();
  const nginx = await startNginx(file.url);
  if (nginx !== undefined) parts.use(nginx);
  await using mesh = await startMesh({
    proxies: 0,
    config: {
      upstreams: { files: { url: file.url } },
      datasets: { cities: { upstream: 'files', endpoint: '/data', partitionBy: { field: 'country' } } },
    },
  });
  const [, port = '0'] = (mesh.server.listening['grpc'] ?? '').split(':');
  const server = `127.0.0.1:${port}`;
  const counted = await portForward(Number(port));
  parts.defer(async () => await counted.close());
  progress('cutting it');
  // Bytes are counted on a way of their own, so that counting slows nobody down.
  const wired = parts.use(startReader('sdk', `127.0.0.1:${counted.port}`));
  await wired.read();
  const before = counted.received();
  await wired.read();
  const bytesOfSdk = counted.received() - before;
  progress('measuring in turns');
  const measured = await measure(
    {
      sdk: parts.use(startReader('sdk', server)),
      'sdk, near cache': parts.use(startReader('sdk-near', server)),
      ...(nginx === undefined
        ? {}
        : {
            nginx: parts.use(startReader('http', `${nginx.url}/data`)),
            'nginx, gzip': parts.use(startReader('http-gzip', `${nginx.url}/data`)),
          }),
    },
    full ? ROUNDS_FULL : ROUNDS,
  );
  const sdk = measured['sdk'];
  const plain = measured['nginx'];
  if (sdk !== undefined) sdk.bytes = bytesOfSdk;
  if (plain !== undefined && plain.records !== sdk?.records)
    throw new Error(`the SDK gave ${sdk?.records} records, nginx ${plain.records}`);
  const ratio = (one: number | undefined, other: number | undefined): number | null =>
    one === undefined || other === undefined ? null : one / other;
  return {
    figures: {
      timesFaster: ratio(plain && median(plain.ms), sdk && median(sdk.ms)),
      timesFewerBytes: ratio(plain?.bytes, sdk?.bytes),
      sdkMs: sdk === undefined ? null : median(sdk.ms),
    },
    table: [
      `CZ of ${(file.bytes / 1e6).toFixed(1)} MB, ${sdk?.records ?? 0} records      ms, median (spread)           bytes`,
      ...Object.entries(measured).map(
        ([name, { ms, bytes }]) =>
          `  ${name.padEnd(36)}  ${spread(ms, 1).padEnd(28)}  ${bytes === 0 ? '' : bytes}`,
      ),
    ],
  };
}
