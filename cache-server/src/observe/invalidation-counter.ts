/** Counts what callers invalidate through this server; what it hears of from others is theirs to count. */
import type { GenerationMode, GenerationTarget } from '@pannier/proto/generation';
import type { Metrics } from '@pannier/runtime';

const KINDS: readonly GenerationTarget['kind'][] = ['all', 'scope', 'tag', 'url', 'prefix', 'dataset', 'key'];
const MODES: readonly GenerationMode[] = ['hard', 'soft'];

/** Registers the counter, at zero for every kind and mode. */
export function createInvalidationCounter(
  metrics: Metrics,
): (targets: readonly GenerationTarget[], mode: GenerationMode) => void {
  const counter = metrics.counter({
    name: 'invalidations_total',
    help: 'Targets that callers of this server invalidated.',
    labels: ['kind', 'mode'],
  });
  for (const kind of KINDS) for (const mode of MODES) counter.inc({ kind, mode }, 0);
  return (targets, mode) => {
    for (const { kind } of targets) counter.inc({ kind, mode });
  };
}
