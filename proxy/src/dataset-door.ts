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
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { openDatasets } from '@pannier/client/datasets';
import type { DatasetDescription, FilterScalar, RecordFilter } from '@pannier/client/datasets';
import { PannierError } from '@pannier/client/transport';
import type { Transport } from '@pannier/client/transport';
import { getTokenList, matchesAnyTag } from '@pannier/http-semantics';
import type { RecordValue } from '@pannier/proto/partition-format';
import { breakOff } from './client-exchange.ts';
import type { ClientExchange } from './client-exchange.ts';
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
};
const RESERVED: ReadonlySet<string> = new Set(['filter', 'fields', 'limit', 'partition', 'version']);

/** Values of a query are texts; what a field holds says what they may stand for. */
function filterOf(query: URLSearchParams, { dataset, fields }: DatasetDescription): RecordFilter {
  const given = query.get('filter');
  const filter: Record<string, unknown> = given === null ? {} : parsedFilter(given);
  for (const name of new Set(query.keys())) {
    if (RESERVED.has(name)) continue;
    const field = fields.find((one) => one.name === name);
    if (field === undefined) {
      const known = fields.map((one) => one.name).join(', ');
      throw new ProxyError(
        'bad-request',
        `dataset ${dataset} has no field "${name}"; its fields are: ${known}`,
      );
    }
    filter[name] = query.getAll(name).flatMap((text) => meanings(text, field.types));
  }
  return filter as RecordFilter;
}

function parsedFilter(text: string): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new ProxyError('bad-request', 'filter: it is not JSON', { cause });
  }
  if (typeof value === 'object' && value !== null && !Array.isArray(value))
    return value as Record<string, unknown>;
  throw new ProxyError('bad-request', 'filter: want a JSON object such as {"lat": {"gte": 50}}');
}

function meanings(text: string, types: readonly string[]): FilterScalar[] {
  const found: FilterScalar[] = types.includes('string') ? [text] : [];
  const isNumber = types.includes('integer') || types.includes('number');
  if (isNumber && /^-?\d+(?:\.\d+)?(?:e[+-]?\d+)?$/i.test(text)) {
    const number = Number(text);
    found.push(
      Number.isInteger(number) && !Number.isSafeInteger(number) && /^-?\d+$/.test(text)
        ? BigInt(text)
        : number,
    );
  }
  if (types.includes('boolean') && /^(?:true|false)$/.test(text)) found.push(text === 'true');
  if (types.includes('null') && text === 'null') found.push(null);
  return found.length === 0 ? [text] : found;
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

function limitOf(query: URLSearchParams): number {
  const text = query.get('limit');
  if (text === null) return Infinity;
  if (/^\d{1,9}$/.test(text)) return Number(text);
  throw new ProxyError('bad-request', `limit: want a whole number, not ${JSON.stringify(text.slice(0, 20))}`);
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
    const dataset = datasets.open<RecordValue>(name);
    const description = await dataset.describe({ signal: left });
    const { version } = description;
    if (part === undefined) {
      if (!isUnchanged(exchange, `"${version}"`)) sendJson(exchange, description, `"${version}"`);
      return;
    }
    const query = url.searchParams;
    const fields = query.get('fields')?.split(',');
    const options = { version, signal: left, ...(fields === undefined ? {} : { fields }) };
    if (part === 'records' && key === '') {
      const records = dataset.records(filterOf(query, description), options);
      return await sendRecords(exchange, limited(records, limitOf(query)), `${version}${url.search}`);
    }
    if (part !== 'partitions' || key === '')
      throw new ProxyError('no-route', `nothing is at ${url.pathname}; there are records and partitions/KEY`);
    const digests = description.partitions.filter(
      ({ name: one }) => one.replace(/~\d+$/, '') === key || one === key,
    );
    const tag = digests.map(({ digest }) => digest.slice(0, 32)).join('-');
    await sendRecords(
      exchange,
      limited(dataset.partition(key, options), limitOf(query)),
      `${tag}${url.search}`,
    );
  };
  return async (exchange) => {
    try {
      await answer(exchange);
    } catch (error) {
      if (!(error instanceof PannierError) || error.httpStatus !== 0) throw error;
      throw new PannierError(error.code, error.message, {
        cause: error,
        httpStatus: HTTP_STATUS[error.code] ?? 502,
      });
    }
  };
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

function sendJson({ response }: ClientExchange, value: unknown, etag?: string): void {
  const body = `${json(value)}\n`;
  const headers = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) };
  const validators =
    etag === undefined ? { 'cache-control': 'no-store' } : { etag, 'cache-control': 'no-cache' };
  response.writeHead(200, { ...headers, ...validators }).end(body);
}

async function sendRecords(exchange: ClientExchange, records: Records, tag: string): Promise<void> {
  const { request, response } = exchange;
  const headers = headerPairs(request.rawHeaders);
  const format = formatFor(getTokenList(headers, 'accept'));
  const coding = codingFor(getTokenList(headers, 'accept-encoding'));
  const etag = `W/"${Buffer.from(tag).toString('base64url')}"`;
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
  if (write === undefined) return;
  const body = Readable.from(inChunks(write(resumed(first, iterator))), { objectMode: false });
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
