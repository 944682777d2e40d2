/** Warm: what is asked for becomes a job that somebody else runs. */
import type { MessageInitShape } from '@bufbuild/protobuf';
import { looksLikeCredential } from '@pannier/http-semantics';
import type { Header } from '@pannier/http-semantics';
import type { HeaderField, WarmRequest, WarmResponseSchema } from '@pannier/proto';
import { CacheServerError } from '../errors.ts';
import type { JobQueue } from '../jobs/job-queue.ts';

/** What the calls about jobs need. */
export interface JobCallDeps {
  readonly jobs: Pick<JobQueue, 'enqueue' | 'look'>;
  /** Aborted when the server stops. */
  readonly draining: AbortSignal;
  readonly limits: { readonly jobItemsMax: number; readonly heartbeatMs: number };
}

const URL_CHARS_MAX = 16 * 1024;

/** @throws CacheServerError `bad-request`; `limit-exceeded`, naming the limit; `store` */
export async function warm(
  request: WarmRequest,
  { jobs, limits }: Pick<JobCallDeps, 'jobs' | 'limits'>,
): Promise<MessageInitShape<typeof WarmResponseSchema>> {
  const urls = request.urls.map(fetchedUrl);
  const { datasets } = request;
  const items = urls.length + datasets.length;
  if (items === 0) throw new CacheServerError('bad-request', 'urls, datasets: both empty');
  if (items > limits.jobItemsMax)
    throw new CacheServerError(
      'limit-exceeded',
      `${items} items, limits.jobItemsMax is ${limits.jobItemsMax}`,
    );
  const task = {
    urls: [...new Set(urls)],
    datasets: [...new Set(datasets)],
    headers: request.headers.map(storedHeader),
  };
  return { job: await jobs.enqueue(task) };
}

/** Jobs lie in Redis until a day after their end, for whoever may read there: no secret goes into them. */
function storedHeader(field: HeaderField, position: number): Header {
  const name = latin1(field.name);
  if (!looksLikeCredential(name.toLowerCase())) return [name, latin1(field.value)];
  throw new CacheServerError(
    'bad-request',
    `headers[${position}]: ${name}: carries credentials, which a job cannot`,
  );
}

/** The text is kept: like the target of a request, it is the key. */
function fetchedUrl(text: string, position: number): string {
  const url = text.length <= URL_CHARS_MAX ? URL.parse(text) : null;
  const isFetched = url?.protocol === 'http:' || url?.protocol === 'https:';
  if (isFetched && (url.username !== '' || url.password !== ''))
    throw new CacheServerError(
      'bad-request',
      `urls[${position}]: names a user, which shared requests cannot`,
    );
  if (isFetched && !text.includes('#')) return text;
  throw new CacheServerError(
    'bad-request',
    `urls[${position}]: no http:// or https:// URL, or one with a fragment`,
  );
}

function latin1(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('latin1');
}
