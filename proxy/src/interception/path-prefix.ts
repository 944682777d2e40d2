/** Path segments that mean "here" and "one up", as URL parsers understand them. */
const HERE = /^(?:\.|%2e)?$/i;
const ONE_UP = /^(?:\.|%2e){2}$/i;

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

/** Whether somewhere on its way a path leaves the place that it starts from. Empty segments do not count: some upstreams merge slashes. */
function leadsUp(path: string): boolean {
  let depth = 0;
  for (const segment of path.split(/[/\\]/)) {
    if (ONE_UP.test(segment)) depth -= 1;
    else if (!HERE.test(segment)) depth += 1;
    if (depth < 0) return true;
  }
  return false;
}
