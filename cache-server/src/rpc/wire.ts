/** Between messages and what the rest of the server knows. Header bytes become latin1 strings, so that obs-text survives. */
import type { HeaderList } from '@pannier/http-semantics';
import { create } from '@bufbuild/protobuf';
import { EntryGenerationSchema } from '@pannier/proto';
import type { EntryGeneration, HeadFrame, RequestHead } from '@pannier/proto';
import type { Generation } from '@pannier/proto/generation';
import type { EntryRequest, EntryResponse } from '../entry/entry-answer.ts';
import { CacheServerError } from '../errors.ts';

function latin1(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1');
}

/** @throws CacheServerError `bad-request` when there is no request or it has no method or URL. */
export function entryRequest(head: RequestHead | undefined): EntryRequest {
  if (head === undefined) throw new CacheServerError('bad-request', 'request: missing');
  if (head.method.length === 0) throw new CacheServerError('bad-request', 'request.method: empty');
  if (head.url.length === 0) throw new CacheServerError('bad-request', 'request.url: empty');
  return {
    method: latin1(head.method),
    url: latin1(head.url),
    headers: head.headers.map(({ name, value }) => [latin1(name), latin1(value)] as const),
  };
}

function headerFields(headers: HeaderList): { name: Buffer; value: Buffer }[] {
  return headers.map(([name, value]) => ({
    name: Buffer.from(name, 'latin1'),
    value: Buffer.from(value, 'latin1'),
  }));
}

/** What a head frame says, ready for `create`. */
export interface HeadFrameInit {
  response: { status: number; headers: { name: Buffer; value: Buffer }[] };
  entry: Omit<NonNullable<HeadFrame['entry']>, '$typeName' | '$unknown'>;
}

/** The head frame of a response. */
export function headFrame(answer: EntryResponse): HeadFrameInit {
  const { body } = answer;
  return {
    response: { status: answer.status, headers: headerFields(answer.headers) },
    entry: {
      key: answer.key?.text ?? '',
      version: body.stored ? body.version : '',
      outcome: answer.outcome,
      freshForMs: BigInt(Math.max(0, Math.floor(answer.freshForMs))),
      shareable: answer.freshForMs > 0,
      url: answer.url ?? '',
      ...generationField(answer.generation),
      ...(body.bodyBytes === undefined ? {} : { bodyBytes: BigInt(body.bodyBytes) }),
    },
  };
}

/** Nothing of before the log was read for the first time: nobody could judge by it. */
function generationField(generation: Generation | undefined): { generation?: EntryGeneration } {
  if (generation === undefined || generation.epoch === '') return {};
  const { epoch, sequence } = generation;
  return { generation: create(EntryGenerationSchema, { epoch, sequence: BigInt(sequence) }) };
}
