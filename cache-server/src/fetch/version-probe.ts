/** The version probe of a dataset: a cheap request whose answer changes when the data does. */
import { getHeader } from '@pannier/http-semantics';
import { contentEncoding, fetchResponse, placed } from '../datasets/dataset-response.ts';
import type { SourceDeps } from '../datasets/dataset-response.ts';
import type { DeclaredDataset } from '../datasets/declared-dataset.ts';
import type { EntryResponse } from '../entry/entry-answer.ts';
import { versionIn } from './told-version.ts';
import { decodedBody, wholeBody } from '../entry/whole-body.ts';

const PROBE_BYTES_MAX = 1024 * 1024;
const PLACE = 'probe: ';

/** What the version probe says; undefined where none is declared. @throws CacheServerError naming the probe */
export async function probeVersion(
  declared: DeclaredDataset,
  deps: SourceDeps,
  { signal, confirmed = false }: { signal: AbortSignal; confirmed?: boolean },
): Promise<string | undefined> {
  const { probe } = declared.settings;
  if (probe === undefined || declared.probeUrl === undefined) return undefined;
  const answer = await fetchResponse(declared.probeUrl, declared, { deps, signal, place: PLACE, confirmed });
  if (probe.header !== undefined) {
    answer.body.release();
    const value = getHeader(answer.headers, probe.header);
    if (value === undefined) throw declared.unfit(`${PLACE}its response has no ${probe.header}`);
    return value;
  }
  const bytes = await probeBody(answer, declared, signal);
  try {
    return versionIn(bytes, probe.pointer);
  } catch (error) {
    const { message, cause } = error as Error;
    throw declared.unfit(PLACE + message, cause);
  }
}

async function probeBody(
  answer: EntryResponse,
  declared: DeclaredDataset,
  signal: AbortSignal,
): Promise<Buffer> {
  let raw: Buffer;
  try {
    raw = await wholeBody(answer.body, PROBE_BYTES_MAX, signal);
  } catch (error) {
    throw placed(error, declared, PLACE);
  }
  try {
    return await decodedBody(raw, contentEncoding(answer), PROBE_BYTES_MAX);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw declared.unfit(`${PLACE}its response cannot be decoded: ${why}`, error);
  }
}
