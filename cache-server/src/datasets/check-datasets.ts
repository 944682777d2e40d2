/** What can be told of datasets before anything is fetched: expressions that do not compile, named by their place in the config. */
import { ConfigError } from '@pannier/runtime';
import type { Config } from '@pannier/runtime';
import { partitionLevels } from '../dataset/strategy/nested.ts';
import { compileExpression } from '../dataset/transform/record-transform.ts';

/** @throws ConfigError with the path of the first expression that does not compile */
export function checkDatasets(datasets: Config['datasets']): void {
  for (const [name, { transform, partitionBy }] of Object.entries(datasets)) {
    const check = (path: string, text: string): void => {
      try {
        compileExpression(text, 'the expression');
      } catch (cause) {
        const why = cause instanceof Error ? cause.message : String(cause);
        throw new ConfigError(`datasets.${name}.${path}: ${why}`, { cause });
      }
    };
    if (transform?.expression !== undefined) check('transform.expression', transform.expression);
    for (const level of partitionLevels(partitionBy)) {
      if (!('predicate' in level)) continue;
      for (const [predicate, text] of Object.entries(level.predicate))
        check(`partitionBy.predicate.${predicate}`, text);
    }
  }
}
