/** Get, Put, Delete and GetBatch: between messages and the story in `keep-object.ts`. */
import type { MessageInitShape } from '@bufbuild/protobuf';
import type {
  DeleteRequest,
  DeleteResponseSchema,
  GetBatchRequest,
  GetBatchResponseSchema,
  GetRequest,
  GetResponseSchema,
  PutRequest,
  PutResponseSchema,
  StoredObjectSchema,
} from '@pannier/proto';
import type { KeptObject, ObjectKeeper } from '../keep-object.ts';
import { CacheServerError } from '../errors.ts';
import type { CallContext } from './call-handlers.ts';

/** What the calls need. */
export interface ObjectDeps {
  readonly objects: ObjectKeeper;
}

/** Most names in one GetBatch. */
const BATCH_NAMES_MAX = 1000;

function objectMessage({
  name,
  value,
  ttlMs,
  tags,
  version,
}: KeptObject): MessageInitShape<typeof StoredObjectSchema> {
  return { name, value, ttlMs: BigInt(Math.max(0, Math.round(ttlMs))), tags: [...tags], version };
}

/** One object of the caller. */
export async function getObject(
  { name }: GetRequest,
  { caller }: CallContext,
  { objects }: ObjectDeps,
): Promise<MessageInitShape<typeof GetResponseSchema>> {
  const found = await objects.get(caller, name);
  return found === undefined ? {} : { object: objectMessage(found) };
}

/** Stores an object of the caller. */
export async function putObject(
  { name, value, ttlMs, tags }: PutRequest,
  { caller }: CallContext,
  { objects }: ObjectDeps,
): Promise<MessageInitShape<typeof PutResponseSchema>> {
  return { version: await objects.put(caller, { name, value, ttlMs: Number(ttlMs), tags }) };
}

/** Removes an object of the caller. */
export async function deleteObject(
  { name }: DeleteRequest,
  { caller }: CallContext,
  { objects }: ObjectDeps,
): Promise<MessageInitShape<typeof DeleteResponseSchema>> {
  return { existed: await objects.delete(caller, name) };
}

/** Several objects of the caller, those that exist, in the order asked for. */
export async function getObjects(
  { names }: GetBatchRequest,
  { caller }: CallContext,
  { objects }: ObjectDeps,
): Promise<MessageInitShape<typeof GetBatchResponseSchema>> {
  if (names.length > BATCH_NAMES_MAX) {
    throw new CacheServerError('limit-exceeded', `names: ${names.length} is over ${BATCH_NAMES_MAX}`);
  }
  const found = await Promise.all(names.map((name) => objects.get(caller, name)));
  return { objects: found.filter((object) => object !== undefined).map(objectMessage) };
}
