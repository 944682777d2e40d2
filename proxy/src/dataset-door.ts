/**
 * Datasets for programs in any language, on the proxy's own address:
 *
 * - `GET /.pannier/datasets`                        what there is
 * - `GET /.pannier/datasets/NAME`                   fields, partitions, version
 * - `GET /.pannier/datasets/NAME/records?country=FR&country=DE&fields=name,lat&limit=10`
 * - `GET /.pannier/datasets/NAME/partitions/KEY`    the records of one partition
 *
 * Records come as lines of JSON, as a JSON array or as one MessagePack value after the other, by `Accept`, compressed by `Accept-Encoding`.
 */
import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { FreshStarts, openDatasets } from '@pannier/client/datasets';
import type { Datasets, DescriptionRead } from '@pannier/client/datasets';
import { PannierError } from '@pannier/client/transport';
import type { Transport } from '@pannier/client/transport';
import { getTokenList, matchesAnyTag } from '@pannier/http-semantics';
import type { RecordValue } from '@pannier/proto/partition-format';
import { breakOff, breakOffWith } from './client-exchange.ts';
import type { ClientExchange } from './client-exchange.ts';
import { fieldsOf, filterOf, limitOf, namesOf } from './dataset-query.ts';
import { ProxyError } from './errors.ts';
import { codingFor, CODINGS, formatFor, FORMATS, inChunks, json } from './record-formats.ts';
import type { Records } from './record-formats.ts';
import { headerPairs } from './response-head.ts';

/** Path of everything that is the proxy's own. */
export const OWN_PATH = '/.pannier/';

/** Settings of {@link createDatasetDoor}. */
export interface DatasetDoorOptions {
  readonly transport: Transport;
  /** What partitions may take that are held for the next request; 0 for none. */
  readonly heldBytesMax: number;
}

/** Answers one request below {@link OWN_PATH}. Rejects with ProxyError or PannierError. */
export type DatasetDoor = (exchange: ClientExchange) => Promise<void>;

const DEADLINE_MS = 600_000;
/** What a failure of a dataset is to an HTTP client; any other is 502. */
const HTTP_STATUS: Readonly<Partial<Record<PannierError['code'], number>>> = {
  'not-found': 404,
  'bad-request': 400,
  unavailable: 503,
  draining: 503,
  'limit-exceeded': 503,
  deadline: 504,
  'upstream-limited': 429,
  'upstream-paused': 503,
};
const NO_FILTER = 'a partition takes `fields` and `limit`; what selects records is for NAME/records';

/** Of a partition, or of the parts of one that was split. */
async function digestsOf(partitions: DescriptionRead['partitions'], key: string): Promise<string[]> {
  const all = await Array.fromAsync(partitions);
  return all
    .filter(({ name }) => name === key || name.replace(/~\d+$/, '') === key)
    .map(({ digest }) => digest);
}

async function* limited(records: Records, limit: number): Records {
  let count = 0;
  if (limit === 0) return;
  for await (const record of records) {
    yield record;
    count += 1;
    if (count === limit) return;
  }
}

/** Opens the door over a transport. */
export function createDatasetDoor({ transport, heldBytesMax }: DatasetDoorOptions): DatasetDoor {
  const datasets = openDatasets(transport, { deadlineMs: DEADLINE_MS, heldBytesMax });
  const answer: DatasetDoor = async (exchange) => {
    const { request, left } = exchange;
    const url = new URL(request.url ?? '', 'http://pannier');
    const [, , place, name = '', part, key = '', ...more] = url.pathname.split('/').map(decoded);
    if (request.method !== 'GET' && request.method !== 'HEAD')
      throw new ProxyError('bad-request', `${OWN_PATH}: only GET and HEAD`);
    if (place !== 'datasets' || more.length > 0)
      throw new ProxyError('no-route', `nothing is at ${url.pathname}; datasets are at ${OWN_PATH}datasets`);
    if (name === '') return sendJson(exchange, await datasets.list({ signal: left }));
    if (part === undefined)
      return await sendDescription(
        exchange,
        await datasets.describe(name, { extent: 'statistics', signal: left }),
      );
    const query = url.searchParams;
    if (part === 'records' && key === '') return await sendSelection(datasets, exchange, { name, query });
    if (part === 'partitions' && key !== '')
      return await sendPartition(datasets, exchange, { name, key, query });
    throw new ProxyError('no-route', `nothing is at ${url.pathname}; there are records and partitions/KEY`);
  };
  return async (exchange) => {
    try {
      await answer(exchange);
    } catch (error) {
      if (!(error instanceof PannierError) || error.httpStatus !== 0) throw error;
      throw new PannierError(error.code, error.message, {
        cause: error,
        httpStatus: HTTP_STATUS[error.code] ?? 502,
        retryAfterMs: error.retryAfterMs,
      });
    }
  };
}

async function sendSelection(
  datasets: Datasets,
  exchange: ClientExchange,
  { name, query }: { name: string; query: URLSearchParams },
): Promise<void> {
  const signal = exchange.left;
  const describe = async (): Promise<DescriptionRead> =>
    await datasets.describe(name, { extent: 'fields', signal });
  await onCurrentVersion(exchange, describe, async ({ head }) => {
    const { version } = head;
    const [filter, fields, limit] = [filterOf(query, head), fieldsOf(query, head), limitOf(query)];
    const records = datasets
      .open<RecordValue>(name)
      .records(filter, { version, signal, ...(fields === undefined ? {} : { fields }) });
    await sendRecords(exchange, limited(records, limit), `${version}?${query.toString()}`);
  });
}

async function sendPartition(
  datasets: Datasets,
  exchange: ClientExchange,
  { name, key, query }: { name: string; key: string; query: URLSearchParams },
): Promise<void> {
  const signal = exchange.left;
  const describe = async (): Promise<Pick<DescriptionRead, 'head'> & { readonly digests: string[] }> => {
    const extent = { extent: 'partitions', partitions: [key], signal } as const;
    const { head, partitions } = await datasets.describe(name, extent);
    if (query.has('filter') || namesOf(query).length > 0) throw new ProxyError('bad-request', NO_FILTER);
    const digests = await digestsOf(partitions, key);
    if (digests.length > 0) return { head, digests };
    throw new PannierError('not-found', `dataset ${name} has no partition ${JSON.stringify(key)}`);
  };
  await onCurrentVersion(exchange, describe, async ({ head, digests }) => {
    const [fields, limit] = [fieldsOf(query, head), limitOf(query)];
    const options = { version: head.version, signal, ...(fields === undefined ? {} : { fields }) };
    const records = datasets.open<RecordValue>(name).partition(key, options);
    await sendRecords(exchange, limited(records, limit), `${digests.join()}?${query.toString()}`);
  });
}

/**
 * Sends something of the current version. Where the servers have lost that since it was described (a store that evicts does so) it is
 * described anew, as long as nothing was sent: what is sent is of one version.
 */
async function onCurrentVersion<D>(
  { response, left }: ClientExchange,
  describe: () => Promise<D>,
  sendOf: (described: D) => Promise<void>,
): Promise<void> {
  const starts = new FreshStarts({ signal: left });
  for (;;) {
    const described = await describe();
    try {
      await sendOf(described);
      return;
    } catch (error) {
      if (response.headersSent) throw error;
      await starts.after(error);
    }
  }
}

function decoded(step: string): string {
  try {
    return decodeURIComponent(step);
  } catch {
    throw new ProxyError('bad-request', 'the path is not percent-encoded UTF-8');
  }
}

/** Answers 304 to a client that has this already. */
function isUnchanged({ request, response }: ClientExchange, etag: string): boolean {
  const known = request.headers['if-none-match'];
  if (known === undefined || !matchesAnyTag(known, etag)) return false;
  response.writeHead(304, { etag, 'cache-control': 'no-cache' }).end();
  return true;
}

function sendJson({ response }: ClientExchange, value: unknown): void {
  const body = `${json(value)}\n`;
  const headers = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) };
  response.writeHead(200, { ...headers, 'cache-control': 'no-store' }).end(body);
}

/** Written partition by partition: statistics of thousands of them are more than should be held, or turned into one text. */
async function sendDescription(
  exchange: ClientExchange,
  { head, partitions }: DescriptionRead,
): Promise<void> {
  const etag = `"${head.version}"`;
  if (isUnchanged(exchange, etag)) return;
  const { request, response } = exchange;
  response.writeHead(200, { 'content-type': 'application/json', etag, 'cache-control': 'no-cache' });
  if (request.method === 'HEAD') return void response.end();
  async function* text(): AsyncGenerator<string> {
    yield `${json(head).slice(0, -1)},"partitions":[`;
    let between = '';
    for await (const partition of partitions) {
      yield between + json(partition);
      between = ',\n';
    }
    yield ']}\n';
  }
  await send(exchange, text());
}

async function sendRecords(exchange: ClientExchange, records: Records, content: string): Promise<void> {
  const { request, response } = exchange;
  const headers = headerPairs(request.rawHeaders);
  const format = formatFor(getTokenList(headers, 'accept'));
  const coding = codingFor(getTokenList(headers, 'accept-encoding'));
  // A digest, for a partition may have thousands of parts; another format is no equivalent.
  const digest = createHash('sha256').update(`${format} ${content}`).digest('base64url');
  const etag = `W/"${digest}"`;
  if (isUnchanged(exchange, etag)) return;
  const iterator = records[Symbol.asyncIterator]();
  // The first one tells whether there is an error to be told, which after the head can only be shown.
  const first = await iterator.next();
  response.writeHead(200, {
    'content-type': format,
    etag,
    vary: 'Accept, Accept-Encoding',
    'cache-control': 'no-cache',
    ...(coding === '' ? {} : { 'content-encoding': coding }),
  });
  if (request.method === 'HEAD') {
    await iterator.return?.();
    response.end();
    return;
  }
  const write = FORMATS[format];
  if (write !== undefined) await send(exchange, write(resumed(first, iterator)), coding);
}

/** Writes a body; one that fails is broken off, so that nobody takes it for whole. */
async function send(
  { response }: ClientExchange,
  pieces: AsyncIterable<string | Buffer>,
  coding = '',
): Promise<void> {
  const body = Readable.from(inChunks(pieces), { objectMode: false });
  breakOffWith(body, response);
  try {
    const encoder = CODINGS[coding]?.();
    if (encoder === undefined) await pipeline(body, response);
    else await pipeline(body, encoder, response);
  } catch (error) {
    breakOff(response);
    throw error;
  }
}

async function* resumed(
  first: IteratorResult<RecordValue>,
  iterator: AsyncIterator<RecordValue>,
): AsyncGenerator<RecordValue> {
  try {
    for (let next = first; next.done !== true; next = await iterator.next()) yield next.value;
  } finally {
    await iterator.return?.();
  }
}
