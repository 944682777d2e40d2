/** What can be told of datasets before anything is fetched: expressions that do not compile, named by their place in the config. */
import type { Config, ConfigFault } from '@pannier/runtime';
import { partitionLevels } from '../dataset/strategy/nested.ts';
import { compileExpression } from '../dataset/transform/record-transform.ts';

/** Expressions that do not compile. */
export function* datasetFaults({ datasets }: Pick<Config, 'datasets'>): Generator<ConfigFault> {
  for (const [name, { transform, partitionBy }] of Object.entries(datasets)) {
    if (transform?.expression !== undefined)
      yield* expressionFault(['datasets', name, 'transform', 'expression'], transform.expression);
    for (const level of partitionLevels(partitionBy)) {
      if (!('predicate' in level)) continue;
      for (const [predicate, text] of Object.entries(level.predicate))
        yield* expressionFault(['datasets', name, 'partitionBy', 'predicate', predicate], text);
    }
  }
}

function* expressionFault(path: readonly (string | number)[], text: string): Generator<ConfigFault> {
  try {
    compileExpression(text, 'the expression');
  } catch (cause) {
    yield { path, why: cause instanceof Error ? cause.message : String(cause), cause };
  }
}
