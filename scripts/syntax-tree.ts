import { parseAst } from 'vitest/node';

/** A node of the ESTree with TypeScript's additions, as oxc (through vitest's own bundler) parses it. */
export interface SyntaxNode {
  readonly type: string;
  /** Offsets into the text. */
  readonly start: number;
  readonly end: number;
  readonly [field: string]: unknown;
}

/** Parses a TypeScript module. Throws a SyntaxError that names the path. */
export function parseModule(path: string, text: string): SyntaxNode {
  return parseAst(text, { lang: 'ts' }, path) as unknown as SyntaxNode;
}

/** Every node below and including this one, parents first, each with its parent. */
export function* walk(
  node: SyntaxNode,
  parent?: SyntaxNode,
): Generator<{ node: SyntaxNode; parent?: SyntaxNode }> {
  yield parent === undefined ? { node } : { node, parent };
  for (const value of Object.values(node)) {
    for (const child of Array.isArray(value) ? (value as unknown[]) : [value]) {
      if (isNode(child)) yield* walk(child, node);
    }
  }
}

export function isNode(value: unknown): value is SyntaxNode {
  return typeof value === 'object' && value !== null && 'type' in value && 'start' in value;
}

/** Reads a path of fields, such as `callee.object.name`; undefined where it leads nowhere. */
export function fieldAt(node: SyntaxNode, path: string): unknown {
  return path.split('.').reduce<unknown>((value, name) => (isNode(value) ? value[name] : undefined), node);
}

/** What a module imports or re-exports, types included, by the literal it names. */
export function importedSpecifiers(tree: SyntaxNode): string[] {
  const specifiers = [...walk(tree)].map(({ node }) => {
    if (/^(?:Import|Export)/.test(node.type) || node.type === 'TSImportType')
      return fieldAt(node, 'source.value');
    return undefined;
  });
  return [...new Set(specifiers.filter((specifier) => typeof specifier === 'string'))];
}
