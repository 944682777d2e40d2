/** Fields without which a declaration makes no sense of a version. */
import type { Config } from '@pannier/runtime';
import { partitionLevels } from '../strategy/nested.ts';

type Level = ReturnType<typeof partitionLevels>[number];

/** Fields that types, key, order and strategies name, each once; what expressions and modules look at is theirs alone. */
export function declaredFields({
  types,
  key,
  orderBy,
  partitionBy,
}: Pick<Config['datasets'][string], 'types' | 'key' | 'orderBy' | 'partitionBy'>): string[] {
  const named = partitionLevels(partitionBy).flatMap(levelFields);
  return [...new Set([...named, ...Object.keys(types), ...[key ?? [], orderBy ?? []].flat()])];
}

function levelFields(level: Level): string[] {
  if ('field' in level) return [level.field].flat();
  if ('hash' in level) return [level.hash.field].flat();
  if ('unique' in level) return [level.unique.field].flat();
  if ('date' in level) return [level.date.field];
  return 'range' in level ? [level.range.field] : [];
}
