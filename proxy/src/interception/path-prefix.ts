import { leadsUp } from '@pannier/http-semantics';

/**
 * Whether a target as it was written is at a prefix or below it. `/geo/../admin` is not below `/geo`, whatever its first letters say: some
 * upstream would take it for `/admin`.
 *
 * @param target path and query
 * @param prefix a path without a slash at its end; above the empty one there is nothing either
 */
export function isBelow(target: string, prefix: string): boolean {
  const [path = ''] = target.split('?', 1);
  if (path !== prefix && !path.startsWith(`${prefix}/`)) return false;
  return !leadsUp(path.slice(prefix.length));
}
