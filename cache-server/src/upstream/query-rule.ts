/** Which parameters of a query make a difference to an upstream, and whether their order does. */

/** What the configuration says of an upstream's queries. */
export interface QueryRule {
  /** Names of parameters to leave out; one that ends in `*` stands for all that begin so. */
  readonly drop: readonly string[];
  readonly sort: boolean;
}

/** A query, `?` included, as it is sent and told apart; what is kept stays as it was written, byte for byte. */
export function plainQuery(search: string, { drop, sort }: QueryRule): string {
  if (search === '' || (drop.length === 0 && !sort)) return search;
  const kept = search
    .slice(1)
    .split('&')
    .filter((parameter) => !drop.some((rule) => isNamed(nameOf(parameter), rule)));
  if (kept.length === 0) return '';
  // Stable: several values of one parameter stay in their order, which may mean something.
  const ordered = sort ? kept.toSorted((one, other) => compare(nameOf(one), nameOf(other))) : kept;
  return `?${ordered.join('&')}`;
}

function nameOf(parameter: string): string {
  const [name = ''] = parameter.split('=', 1);
  try {
    return decodeURIComponent(name.replaceAll('+', ' '));
  } catch {
    // No valid escape: the upstream will make of it what it likes, and no rule means it.
    return name;
  }
}

function isNamed(name: string, rule: string): boolean {
  return rule.endsWith('*') ? name.startsWith(rule.slice(0, -1)) : name === rule;
}

function compare(one: string, other: string): number {
  return one < other ? -1 : one > other ? 1 : 0;
}
