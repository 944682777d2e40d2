/** SCAN over all masters of a cluster, one after the other, under one cursor; a single Redis is a cluster of one. */

/** A master that can be walked over. */
export interface ScannedNode {
  /** Its address; the nodes are walked in the order of their names. */
  readonly name: string;
  readonly scan: (cursor: string) => Promise<[cursor: string, names: string[]]>;
}

/**
 * One step of the walk, from '0' to '0'. When a node goes during a walk what it had is not found, unless one that comes later in the order
 * has taken it over.
 */
export async function scanNodes(
  nodes: readonly ScannedNode[],
  cursor: string,
): Promise<[cursor: string, names: string[]]> {
  const inOrder = nodes.toSorted((one, other) => (one.name < other.name ? -1 : 1));
  const [, from = '0', name = ''] = /^(\d+)@?(.*)$/.exec(cursor) ?? [];
  const index = inOrder.findIndex((node) => node.name >= name);
  const node = inOrder[index];
  if (node === undefined) return ['0', []];
  const [next, names] = await node.scan(node.name === name ? from : '0');
  const at = next === '0' ? inOrder[index + 1] : node;
  return [at === undefined ? '0' : `${next}@${at.name}`, names];
}
