/** A service that wants one country: asked by message, it reads in its own way and says how long it took. One process for each way, as services are. */
import { get } from 'node:http';
import { gunzipSync } from 'node:zlib';
import { connect } from '@pannier/client';

/** What a read took and gave. */
export interface ReaderResult {
  readonly ms: number;
  readonly records: number;
  /** That moved, where this side can tell; else 0. */
  readonly bytes: number;
}

interface City {
  readonly country: string;
}

type Way = () => Promise<{ records: number; bytes: number }>;

async function download(url: string, gzip: boolean): Promise<{ body: Buffer; bytes: number }> {
  return await new Promise((resolve, reject) => {
    const headers = gzip ? { 'accept-encoding': 'gzip' } : {};
    get(url, { headers, agent: false }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('error', reject);
      response.on('end', () => {
        const raw = Buffer.concat(chunks);
        resolve({ body: gzip ? gunzipSync(raw) : raw, bytes: response.socket.bytesRead });
      });
    }).on('error', reject);
  });
}

function viaHttp(url: string, gzip: boolean): Way {
  return async () => {
    const { body, bytes } = await download(url, gzip);
    const cities = JSON.parse(body.toString('utf8')) as City[];
    return { records: cities.filter(({ country }) => country === 'CZ').length, bytes };
  };
}

function viaSdk(server: string, nearCacheBytesMax: number): Way {
  const client = connect(server, { nearCacheBytesMax });
  return async () => {
    const records: City[] = [];
    for await (const city of client.dataset<City>('cities').records({ country: 'CZ' })) records.push(city);
    return { records: records.length, bytes: 0 };
  };
}

const [kind = '', place = ''] = process.argv.slice(2);
const ways: Readonly<Record<string, () => Way>> = {
  http: () => viaHttp(place, false),
  'http-gzip': () => viaHttp(place, true),
  sdk: () => viaSdk(place, 0),
  'sdk-near': () => viaSdk(place, 64 * 1024 * 1024),
};
const read = ways[kind]?.();
process.on('message', () => {
  const startedMs = performance.now();
  read?.().then(
    ({ records, bytes }) => process.send?.({ ms: performance.now() - startedMs, records, bytes }),
    (error: unknown) => {
      process.stderr.write(`${String(error)}\n`);
      process.exit(1);
    },
  );
});
