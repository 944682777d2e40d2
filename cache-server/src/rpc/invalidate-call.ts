/** Invalidate: an exact key or the entries of one URL for now; what needs generations says so. */
import type { MessageInitShape } from '@bufbuild/protobuf';
import { InvalidationMode } from '@pannier/proto';
import type { InvalidateRequest, InvalidateResponseSchema, InvalidationTarget } from '@pannier/proto';
import { CacheServerError } from '../errors.ts';
import type { CallContext } from './call-handlers.ts';

/** What the call needs. */
export interface InvalidateDeps {
  /** Removes an entry by its whole key; true when there was one. */
  removeEntry(key: string): Promise<boolean>;
  /** Removes all entries of a URL, those that only the names in the store tell of included if so asked; how many there were. */
  removeUrl(url: string, exhaustive: boolean): Promise<number>;
}

async function remove(
  target: InvalidationTarget['target'],
  { position, exhaustive }: { position: number; exhaustive: boolean },
  deps: InvalidateDeps,
): Promise<number> {
  switch (target.case) {
    case 'key':
      return (await deps.removeEntry(target.value)) ? 1 : 0;
    case 'url':
      return await deps.removeUrl(target.value, exhaustive);
    case 'tag':
    case 'urlPrefix':
    case 'scope':
    case 'dataset':
      throw new CacheServerError(
        'unimplemented',
        `targets[${position}]: invalidation by ${target.case} needs generations, which are not built yet.`,
      );
    case undefined:
      throw new CacheServerError('bad-request', `targets[${position}]: says neither key nor url`);
  }
}

/** Removes what the request names. */
export async function invalidate(
  request: InvalidateRequest,
  _context: CallContext,
  deps: InvalidateDeps,
): Promise<MessageInitShape<typeof InvalidateResponseSchema>> {
  if (request.mode === InvalidationMode.SOFT) {
    throw new CacheServerError(
      'unimplemented',
      'mode: soft invalidation needs generations, which are not built yet.',
    );
  }
  if (request.targets.length === 0) throw new CacheServerError('bad-request', 'targets: empty');
  const removed = await Promise.all(
    request.targets.map(
      async ({ target }, position) =>
        await remove(target, { position, exhaustive: request.exhaustive }, deps),
    ),
  );
  return { entries: BigInt(removed.reduce((sum, count) => sum + count, 0)) };
}
