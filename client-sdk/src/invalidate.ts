/** Invalidation as programs ask for it: by what entries are known by, never by looking for them. */
import type { MessageInitShape } from '@bufbuild/protobuf';
import { CacheService, InvalidationMode } from '@pannier/proto';
import type { InvalidationTargetSchema } from '@pannier/proto';
import type { Generation, GenerationTarget } from '@pannier/proto/generation';
import { PannierError } from './errors.ts';
import type { CallLimits, Transport } from './transport/transport.ts';

/** What is to be invalidated: each may be one text or several, at most 1,000 in all. */
export interface Invalidation {
  /** What carries it in `Surrogate-Key` or `Cache-Tag`, or was put with it. */
  readonly tag?: string | readonly string[];
  /** What has a URL that begins so; at most 2,048 bytes. */
  readonly prefix?: string | readonly string[];
  /** All of an upstream by its name, or all objects of a caller. */
  readonly scope?: string | readonly string[];
  /** A dataset by its name, and the documents that it is made from. */
  readonly dataset?: string | readonly string[];
  /** All responses of a URL, whatever request headers tell them apart. */
  readonly url?: string | readonly string[];
  /** One entry by its whole key. */
  readonly key?: string | readonly string[];
  /** True: it is stale, good for revalidation and for when nothing better is to be had. Default: as if it were not there. */
  readonly soft?: boolean;
}

const KINDS = ['tag', 'prefix', 'scope', 'dataset', 'url', 'key'] as const;

/**
 * What an invalidation names, one by one.
 *
 * @throws PannierError `bad-request` when that is nothing, or a URL is not absolute
 */
export function targetsOf(what: Invalidation): GenerationTarget[] {
  const targets = KINDS.flatMap((kind) => {
    const values = what[kind] ?? [];
    return (typeof values === 'string' ? [values] : values).map((value) => ({ kind, value }));
  });
  const relative = targets.find(({ kind, value }) => kind === 'url' && !/^https?:\/\//i.test(value));
  if (relative !== undefined)
    throw new PannierError('bad-request', `invalidate: ${relative.value}: want an http:// or https:// URL`);
  if (targets.length > 0) return targets;
  throw new PannierError('bad-request', `invalidate: want at least one ${KINDS.join(', ')}`);
}

/**
 * Has the servers invalidate. When it resolves, the invalidation is in their log: the server that was asked goes by it, the others and all
 * near caches within a second. What fetches that began before bring is outdated as well.
 *
 * @returns its place in the log
 * @throws PannierError `unavailable`, `deadline`, `store` when the log cannot be reached, `bad-request`, `not-found` for a dataset, …
 */
export async function invalidate(
  transport: Pick<Transport, 'unary'>,
  what: Invalidation,
  limits?: CallLimits,
): Promise<Generation> {
  const targets = targetsOf(what).map((target) => ({ target: targetMessage(target) }));
  const mode = what.soft === true ? InvalidationMode.SOFT : InvalidationMode.HARD;
  const done = await transport.unary(CacheService.method.invalidate, { targets, mode }, limits);
  return { epoch: done.epoch, sequence: Number(done.sequence) };
}

/** The same for URLs as they are written. */
export async function invalidateUrls(
  transport: Pick<Transport, 'unary'>,
  urls: readonly string[],
  limits?: CallLimits,
): Promise<void> {
  await invalidate(transport, { url: urls }, limits);
}

type TargetMessage = NonNullable<MessageInitShape<typeof InvalidationTargetSchema>['target']>;

function targetMessage({ kind, value }: GenerationTarget): TargetMessage {
  if (kind === 'all') return { case: 'all', value: true };
  return { case: kind === 'prefix' ? 'urlPrefix' : kind, value };
}
