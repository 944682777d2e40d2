/** Path segments that mean "here" and "one up", as URL parsers understand them. */
const HERE = /^(?:\.|%2e)?$/i;
const ONE_UP = /^(?:\.|%2e){2}$/i;

/** Whether somewhere on its way a path leaves the place that it starts from. Empty segments do not count: some upstreams merge slashes. */
export function leadsUp(path: string): boolean {
  let depth = 0;
  for (const segment of path.split(/[/\\]/)) {
    if (ONE_UP.test(segment)) depth -= 1;
    else if (!HERE.test(segment)) depth += 1;
    if (depth < 0) return true;
  }
  return false;
}
