import { expect, test } from 'vitest';
import { scanNodes } from './node-scan.ts';
import type { ScannedNode } from './node-scan.ts';

/** A node that gives one of its names at a time. */
function node(name: string, names: readonly string[]): ScannedNode {
  return {
    name,
    scan: async (cursor) => {
      const next = Number(cursor) + 1;
      return [next >= names.length ? '0' : String(next), names.slice(Number(cursor), next)];
    },
  };
}

async function walk(nodesAt: (step: number) => ScannedNode[]): Promise<string[]> {
  const found: string[] = [];
  let cursor = '0';
  let step = 0;
  do {
    const [next, names] = await scanNodes(nodesAt(step), cursor);
    found.push(...names);
    cursor = next;
    step += 1;
  } while (cursor !== '0');
  return found;
}

const a = node('10.0.0.1:1', ['a1', 'a2', 'a3']);
const b = node('10.0.0.2:1', []);
const c = node('10.0.0.3:1', ['c1', 'c2']);

test('a walk brings what all nodes have, in whatever order they are named', async () => {
  expect(await walk((step) => (step % 2 === 0 ? [c, a, b] : [b, c, a]))).toEqual([
    'a1',
    'a2',
    'a3',
    'c1',
    'c2',
  ]);
  expect(await walk(() => [node('', ['x', 'y'])])).toEqual(['x', 'y']);
  expect(await walk(() => [])).toEqual([]);
});

test('a walk goes on behind a node that left, and ends', async () => {
  expect(await walk((step) => (step < 2 ? [a, b, c] : [b, c]))).toEqual(['a1', 'a2', 'c1', 'c2']);
  expect(await walk((step) => (step < 4 ? [a, c] : [a]))).toEqual(['a1', 'a2', 'a3', 'c1']);
});
