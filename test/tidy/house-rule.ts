import { parseModule } from '../../scripts/syntax-tree.ts';
import type { SyntaxNode } from '../../scripts/syntax-tree.ts';

/** One file as a rule sees it. */
export interface HouseFile {
  /** Relative to the repository's root, with slashes. */
  readonly path: string;
  readonly text: string;
  /** Parsed on first use; only for `.ts`. */
  readonly tree: SyntaxNode;
}

export interface HouseRule {
  readonly name: string;
  /** Whether the rule speaks about this file. */
  readonly appliesTo: (path: string) => boolean;
  /** What is wrong, each beginning with a line number where there is one. Empty when all is well. */
  readonly find: (file: HouseFile) => string[];
}

export function houseFile(path: string, text: string): HouseFile {
  let tree: SyntaxNode | undefined;
  return {
    path,
    text,
    get tree() {
      tree ??= parseModule(path, text);
      return tree;
    },
  };
}

export const isTypeScript = (path: string): boolean => path.endsWith('.ts');
