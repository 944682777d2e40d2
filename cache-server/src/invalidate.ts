/** Invalidation as callers ask for it: what they name becomes what entries are known by. */
import { boundedTarget } from '@pannier/proto/generation';
import type { Generation, GenerationMode, GenerationTarget } from '@pannier/proto/generation';
import { CacheServerError } from './errors.ts';
import type { Generations } from './generation/generations.ts';
import type { UpstreamRegistry } from './upstream/upstream-registry.ts';

/** What invalidation needs. */
export interface InvalidateDeps {
  readonly generations: Pick<Generations, 'invalidate'>;
  readonly upstreams: Pick<UpstreamRegistry, 'resolve'>;
  /** URLs of the documents that a dataset is made from. @throws CacheServerError `not-found` */
  readonly datasetUrls: (name: string) => readonly string[];
}

/** Longest prefix, and longest value of any other target, in bytes. */
const PREFIX_BYTES_MAX = 2048;
const VALUE_BYTES_MAX = 64 * 1024;

/**
 * Invalidates all targets together: they are in the log when this resolves.
 *
 * @throws CacheServerError `bad-request`, `not-found` for a dataset, `store` when the log cannot be reached
 */
export async function invalidate(
  targets: readonly GenerationTarget[],
  mode: GenerationMode,
  deps: InvalidateDeps,
): Promise<Generation> {
  for (const [position, target] of targets.entries()) check(target, position);
  const all = targets.flatMap((target) => known(target, deps)).map(boundedTarget);
  const once = new Map(all.map((target) => [`${target.kind} ${target.value}`, target]));
  return await deps.generations.invalidate([...once.values()], mode);
}

function check({ kind, value }: GenerationTarget, position: number): void {
  const bytes = Buffer.byteLength(value);
  const bytesMax = kind === 'prefix' ? PREFIX_BYTES_MAX : VALUE_BYTES_MAX;
  if (kind !== 'all' && bytes === 0) throw new CacheServerError('bad-request', `targets[${position}]: empty`);
  if (bytes > bytesMax)
    throw new CacheServerError(
      'bad-request',
      `targets[${position}]: ${bytes} bytes, allowed are ${bytesMax}`,
    );
}

/** By every name that it may be stored under. */
function known(target: GenerationTarget, { upstreams, datasetUrls }: InvalidateDeps): GenerationTarget[] {
  const { kind, value } = target;
  // What no upstream knows is told as it is written: a near cache may hold it.
  if (kind === 'url') return resolved(value, upstreams).map((url) => ({ kind, value: url }));
  if (kind === 'prefix') return resolved(value, upstreams).map((url) => ({ kind, value: url }));
  if (kind === 'dataset')
    return [target, ...datasetUrls(value).map((url) => ({ kind: 'url', value: url }) as const)];
  return [target];
}

function resolved(url: string, upstreams: InvalidateDeps['upstreams']): string[] {
  try {
    return [...new Set([url, upstreams.resolve(url)?.url ?? url])];
  } catch (error) {
    // A beginning of a URL need not be one; what may never be fetched has no entries.
    if (error instanceof CacheServerError && error.code !== 'internal') return [url];
    throw error;
  }
}
