/** A body as the steps of a Fetch stream: parts, signs of life while the upstream is slow, and the proof that it is whole. */
import { create } from '@bufbuild/protobuf';
import type { MessageInitShape } from '@bufbuild/protobuf';
import { encodeLarge, FetchResponseSchema, RawBytesSchema, StoredPartitionSchema } from '@pannier/proto';
import type { EncodedMessage, FetchRequest } from '@pannier/proto';
import type { BodyPart, Caller, EntryBody } from '../entry/entry-answer.ts';
import { CacheServerError } from '../errors.ts';
import type { CallContext } from './call-handlers.ts';
import { withHeartbeats } from './heartbeat.ts';
import type { TicketTable } from './ticket-table.ts';

type Step = MessageInitShape<typeof FetchResponseSchema> | EncodedMessage;

/** What a Fetch needs. */
export interface FetchDeps {
  readonly tickets: TicketTable;
  openVersion(key: string, version: string, signal: AbortSignal): Promise<EntryBody | undefined>;
  readonly limits: { readonly heartbeatMs: number; readonly followerBytesMax: number };
}

/** Encoded here and now: grpc-js may serialise later, when the flight has used the memory again. */
function step(part: BodyPart): EncodedMessage {
  if (part.kind === 'raw') {
    return encodeLarge({
      outer: FetchResponseSchema.field.raw,
      schema: RawBytesSchema,
      inner: create(RawBytesSchema),
      field: RawBytesSchema.field.data,
      value: part.bytes,
    });
  }
  const { scope, digest, frame, skipBytes } = part;
  return encodeLarge({
    outer: FetchResponseSchema.field.partition,
    schema: StoredPartitionSchema,
    inner: create(StoredPartitionSchema, { scope, digest, skipBytes: BigInt(skipBytes) }),
    field: StoredPartitionSchema.field.frame,
    value: frame,
  });
}

function partBytes(part: BodyPart): number {
  return part.kind === 'raw' ? part.bytes.byteLength : part.bodyBytes;
}

async function bodyOf(
  request: FetchRequest,
  caller: Caller,
  { deps, signal }: { deps: FetchDeps; signal: AbortSignal },
): Promise<EntryBody> {
  const { ticket } = request;
  if (ticket === undefined || ticket.version === '')
    throw new CacheServerError('bad-request', 'ticket.version: missing');
  const announced = deps.tickets.claim(caller, ticket.key, ticket.version);
  const body = announced ?? (await deps.openVersion(ticket.key, ticket.version, signal));
  if (body !== undefined) return body;
  throw new CacheServerError(
    'not-found',
    `version ${ticket.version} of ${ticket.key} is neither stored nor under way`,
  );
}

/** Answers a Fetch. Ends without `complete` only by throwing. */
export async function* fetchBody(
  request: FetchRequest,
  { caller, signal }: CallContext,
  deps: FetchDeps,
): AsyncGenerator<Step, void, undefined> {
  const body = await bodyOf(request, caller, { deps, signal });
  const offset = Number(request.offset);
  let bytes = offset;
  for await (const beat of withHeartbeats(body.open(offset, signal), deps.limits.heartbeatMs)) {
    if (beat.kind === 'waiting') {
      yield { part: { case: 'progress', value: { waitedMs: beat.waitedMs } } };
      continue;
    }
    bytes += partBytes(beat.item);
    yield step(beat.item);
  }
  const version = body.stored ? body.version : '';
  yield { part: { case: 'complete', value: { version, bodyBytes: BigInt(bytes) } } };
}
