/** A dataset's documents, each fetched and kept like any GET: its endpoints in order. */
import type { IngestDocument } from '../dataset/ingest/run-ingest.ts';
import { bodyParts, contentEncoding, fetchResponse, placed } from './dataset-response.ts';
import type { SourceDeps } from './dataset-response.ts';
import type { DeclaredDataset } from './declared-dataset.ts';
import type { BodyPart, EntryResponse } from '../entry/entry-answer.ts';
import { CacheServerError } from '../errors.ts';

/** The response of an endpoint. */
export interface EndpointResponse extends EntryResponse {
  /** Which of several it is, as the beginning of a message; '' of one. */
  readonly place: string;
  /** What went wrong while its body came, with the names of dataset, upstream and endpoint. */
  readonly placed: (error: unknown) => unknown;
}

/** The responses of all endpoints. */
export async function fetchEndpoints(
  declared: DeclaredDataset,
  deps: SourceDeps,
  signal: AbortSignal,
): Promise<EndpointResponse[]> {
  const answers: EndpointResponse[] = [];
  try {
    for (const [index, url] of declared.urls.entries()) {
      const place = declared.urls.length > 1 ? `document ${index + 1}: ` : '';
      const answer = await fetchResponse(url, declared, { deps, signal, place });
      answers.push({ ...answer, place, placed: (error) => placed(error, declared, place) });
    }
    return answers;
  } catch (error) {
    for (const { body } of answers) body.release();
    throw error;
  }
}

/**
 * Reads to its end what this server itself is fetching, and gives up the rest: other servers may follow the fetch, which ends when nobody reads
 * it here. What goes wrong is told to those who follow.
 */
export async function readOn(answers: readonly EndpointResponse[], signal: AbortSignal): Promise<void> {
  const isFollowed = ({ outcome }: EndpointResponse): boolean =>
    outcome === 'miss' || outcome === 'refreshed';
  for (const answer of answers) if (!isFollowed(answer)) answer.body.release();
  await Promise.allSettled(
    answers.filter(isFollowed).map(async (answer) => {
      for await (const _part of bodyParts(answer, signal));
    }),
  );
}

/** Responses as documents. */
export async function* responseDocuments(
  answers: readonly EndpointResponse[],
  signal: AbortSignal,
): AsyncGenerator<IngestDocument> {
  for (const answer of answers)
    yield {
      contentEncoding: contentEncoding(answer),
      place: answer.place,
      bodyBytes: answers.length === 1 ? answer.body.bodyBytes : undefined,
      parts: endpointParts(answer, signal),
    };
}

async function* endpointParts(answer: EndpointResponse, signal: AbortSignal): AsyncGenerator<BodyPart> {
  try {
    yield* bodyParts(answer, signal);
  } catch (error) {
    throw answer.placed(error);
  }
}

/** The one failure that every kind of trouble with a dataset's data is told by. */
export function asUnfit(error: unknown, declared: DeclaredDataset): unknown {
  if (error instanceof CacheServerError || !(error instanceof Error)) return error;
  if (error.name === 'TimeoutError') {
    const { message } = declared.unfit('it did not come within limits.fetchDeadlineMs');
    return new CacheServerError('upstream-timeout', message, { cause: error });
  }
  // Also what a rule of the operator's own threw where nobody could catch it, and a thread that it ended.
  return error instanceof DOMException ? error : declared.unfit(error.message, error);
}
