/** Invalidate: from messages to what entries are known by. */
import type { MessageInitShape } from '@bufbuild/protobuf';
import { InvalidationMode } from '@pannier/proto';
import type { InvalidateRequest, InvalidateResponseSchema, InvalidationTarget } from '@pannier/proto';
import type { Generation, GenerationMode, GenerationTarget } from '@pannier/proto/generation';
import { CacheServerError } from '../errors.ts';
import type { CallContext } from './call-handlers.ts';

/** What the call needs. */
export interface InvalidateDeps {
  /** Resolves with the number of the last invalidation when all of them are in the log. */
  invalidate(targets: readonly GenerationTarget[], mode: GenerationMode): Promise<Generation>;
}

const TARGETS_MAX = 1000;

/** Invalidates what the request names. */
export async function invalidate(
  request: InvalidateRequest,
  _context: CallContext,
  deps: InvalidateDeps,
): Promise<MessageInitShape<typeof InvalidateResponseSchema>> {
  const { targets, mode } = request;
  if (targets.length === 0) throw new CacheServerError('bad-request', 'targets: empty');
  if (targets.length > TARGETS_MAX)
    throw new CacheServerError('bad-request', `targets: ${targets.length}, allowed are ${TARGETS_MAX}`);
  const named = targets.map(({ target }, position) => targetOf(target, position));
  const { epoch, sequence } = await deps.invalidate(named, mode === InvalidationMode.SOFT ? 'soft' : 'hard');
  return { epoch, sequence: BigInt(sequence) };
}

function targetOf(target: InvalidationTarget['target'], position: number): GenerationTarget {
  switch (target.case) {
    case 'all':
      return { kind: 'all', value: '' };
    case 'urlPrefix':
      return { kind: 'prefix', value: target.value };
    case 'key':
    case 'url':
    case 'tag':
    case 'scope':
    case 'dataset':
      return { kind: target.case, value: target.value };
    case undefined:
      throw new CacheServerError('bad-request', `targets[${position}]: says nothing that this version knows`);
  }
}

/** A target as a message. */
export function targetMessage({ kind, value }: GenerationTarget): InvalidationTarget['target'] {
  if (kind === 'all') return { case: 'all', value: true };
  return { case: kind === 'prefix' ? 'urlPrefix' : kind, value };
}
