/** A dataset's documents, each fetched and kept like any GET: its endpoints in order, or the pages of one. */
import { createHash } from 'node:crypto';
import { getHeader } from '@pannier/http-semantics';
import type { IngestDocument } from './dataset/ingest/run-ingest.ts';
import { pointerValue } from './dataset/source/json-pointer.ts';
import { firstPageUrl, looksIntoBody, nextPageUrl } from './dataset/source/next-page.ts';
import type { DatasetsDeps } from './dataset-service.ts';
import type { DeclaredDataset } from './declared-dataset.ts';
import type { BodyPart, EntryResponse } from './entry-answer.ts';
import { CacheServerError } from './errors.ts';
import { decodedBody, wholeBody } from './whole-body.ts';

const CALLER = { identity: 'pannier-datasets' };
const PROBE_BYTES_MAX = 1024 * 1024;

type Deps = Pick<DatasetsDeps, 'entries' | 'limits'>;

/** The data changed while its pages were fetched. */
export class PagesChanged extends Error {
  override readonly name = 'PagesChanged';
}

/** A response of status 200. @throws CacheServerError naming upstream, endpoint and, of several, the place */
async function fetched(
  url: string,
  declared: DeclaredDataset,
  options: { deps: Deps; signal: AbortSignal; place?: string; confirmed?: boolean },
): Promise<EntryResponse> {
  const { deps, signal, place = '', confirmed = false } = options;
  const headers = confirmed ? ([['cache-control', 'no-cache']] as const) : [];
  const answer = await deps.entries.getEntry({ method: 'GET', url, headers }, CALLER, signal);
  if (answer.kind === 'bypass')
    throw declared.unfit(`${place}its response may not be cached (${answer.outcome})`);
  if (answer.status === 200) return answer;
  answer.body.release();
  const { pathname, search } = new URL(url);
  throw declared.unfit(`${place}the upstream answered ${answer.status} for ${pathname}${search}`);
}

function contentEncoding({ headers }: EntryResponse): string {
  return getHeader(headers, 'content-encoding')?.toLowerCase() ?? '';
}

/** The responses of all endpoints. */
export async function fetchEndpoints(
  declared: DeclaredDataset,
  deps: Deps,
  signal: AbortSignal,
): Promise<EntryResponse[]> {
  const answers: EntryResponse[] = [];
  try {
    for (const url of declared.urls) answers.push(await fetched(url, declared, { deps, signal }));
    return answers;
  } catch (error) {
    for (const { body } of answers) body.release();
    throw error;
  }
}

/** Responses as documents. */
export async function* responseDocuments(
  answers: readonly EntryResponse[],
  signal: AbortSignal,
): AsyncGenerator<IngestDocument> {
  for (const answer of answers)
    yield { contentEncoding: contentEncoding(answer), parts: bodyParts(answer, signal) };
}

async function* bodyParts({ body }: EntryResponse, signal: AbortSignal): AsyncGenerator<BodyPart> {
  if (body.inline === undefined) yield* body.open(0, signal);
  else yield { kind: 'raw', bytes: body.inline };
}

/** What the version probe says; undefined where none is declared. */
export async function probeVersion(
  declared: DeclaredDataset,
  deps: Deps,
  { signal, confirmed = false }: { signal: AbortSignal; confirmed?: boolean },
): Promise<string | undefined> {
  const { probe } = declared.settings;
  if (probe === undefined || declared.probeUrl === undefined) return undefined;
  const answer = await fetched(declared.probeUrl, declared, { deps, signal, place: 'probe: ', confirmed });
  if (probe.header !== undefined) {
    answer.body.release();
    const value = getHeader(answer.headers, probe.header);
    if (value === undefined) throw declared.unfit(`probe: its response has no ${probe.header}`);
    return value;
  }
  const raw = await wholeBody(answer.body, PROBE_BYTES_MAX, signal);
  const bytes = await decodedBody(raw, contentEncoding(answer), PROBE_BYTES_MAX);
  if (probe.pointer === undefined) return createHash('sha256').update(bytes).digest('hex');
  let document: unknown;
  try {
    document = JSON.parse(bytes.toString('utf8'));
  } catch (cause) {
    throw declared.unfit('probe: its response is not JSON', cause);
  }
  const value = pointerValue(document, probe.pointer);
  if (value === undefined) throw declared.unfit(`probe: nothing stands at ${probe.pointer}`);
  return typeof value === 'string' ? value : JSON.stringify(value);
}

/**
 * The pages as documents, one after the other.
 *
 * @throws PagesChanged when the data changed meanwhile; CacheServerError naming the page that failed
 */
export async function* pageDocuments(
  declared: DeclaredDataset,
  deps: Deps,
  signal: AbortSignal,
): AsyncGenerator<IngestDocument> {
  const { pages } = declared.settings;
  const [endpoint = ''] = declared.urls;
  if (pages === undefined) return;
  const isStrict = pages.consistency === 'strict';
  const before = isStrict ? await probeVersion(declared, deps, { signal, confirmed: true }) : undefined;
  const seen = new Set<string>();
  let firstDigest = '';
  let total = 0;
  let url: string | undefined = firstPageUrl(endpoint, pages);
  for (let index = 0; url !== undefined; index += 1) {
    const place = `page ${index + 1}: `;
    if (index >= pages.max) throw declared.unfit(`more pages than pages.max ${pages.max}`);
    if (seen.has(url)) throw declared.unfit(`${place}it leads in a circle`);
    seen.add(url);
    // Each of them: one that is still fresh from an earlier walk would be of other data than its neighbours.
    const answer = await fetched(url, declared, { deps, signal, place, confirmed: true });
    const page = await readPage(answer, declared, { deps, signal, whole: index === 0 && !isStrict });
    if (index === 0) firstDigest = page.digest;
    total += page.records;
    yield page.document;
    url = nextPageUrl({ url, index, total, link: getHeader(answer.headers, 'link'), ...page }, pages);
  }
  if (isStrict) {
    if ((await probeVersion(declared, deps, { signal, confirmed: true })) !== before)
      throw new PagesChanged();
  } else {
    const again = await fetched(firstPageUrl(endpoint, pages), declared, { deps, signal, confirmed: true });
    const { digest } = await readPage(again, declared, { deps, signal, whole: true });
    if (digest !== firstDigest) throw new PagesChanged();
  }
}

interface PageRead {
  readonly document: IngestDocument;
  readonly body: unknown;
  readonly records: number;
  /** Of the body, where it was taken whole; else ''. */
  readonly digest: string;
}

/** A page whose body tells where the next one is, or that is compared later, has to be looked into before it is handed on. */
async function readPage(
  answer: EntryResponse,
  declared: DeclaredDataset,
  { deps, signal, whole }: { deps: Deps; signal: AbortSignal; whole: boolean },
): Promise<PageRead> {
  const { pages, records, format } = declared.settings;
  const coding = contentEncoding(answer);
  const looks = pages !== undefined && looksIntoBody(pages);
  const nothing = { body: undefined, records: 0, digest: '' };
  if (!looks && !whole)
    return { ...nothing, document: { contentEncoding: coding, parts: bodyParts(answer, signal) } };
  const { ingestBytesMax } = deps.limits;
  const bytes = await decodedBody(
    await wholeBody(answer.body, ingestBytesMax, signal),
    coding,
    ingestBytesMax,
  );
  const document: IngestDocument = { contentEncoding: '', parts: onePart(bytes) };
  const digest = createHash('sha256').update(bytes).digest('hex');
  if (!looks || format !== 'json') return { document, digest, body: undefined, records: bytes.length };
  let body: unknown;
  try {
    body = JSON.parse(bytes.toString('utf8'));
  } catch {
    // The reader of records says where it is malformed.
    return { ...nothing, document, digest };
  }
  const list = pointerValue(body, records);
  return { document, digest, body, records: Array.isArray(list) ? list.length : 0 };
}

async function* onePart(bytes: Uint8Array): AsyncGenerator<BodyPart> {
  yield { kind: 'raw', bytes };
}

/** The one failure that every kind of trouble with a dataset's data is told by. */
export function asUnfit(error: unknown, declared: DeclaredDataset): unknown {
  if (error instanceof CacheServerError || !(error instanceof Error)) return error;
  return error.name === 'DatasetError' ? declared.unfit(error.message, error) : error;
}
