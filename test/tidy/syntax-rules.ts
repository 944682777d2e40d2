import { dirname, join } from 'node:path';
import { isTypeScript } from './house-rule.ts';
import type { HouseFile, HouseRule } from './house-rule.ts';
import { fieldAt, importedSpecifiers, isNode, walk } from '../../scripts/syntax-tree.ts';
import type { SyntaxNode } from '../../scripts/syntax-tree.ts';

const FUNCTION_LINES_MAX = 70;
const PARAMETERS_MAX = 3;
const FUNCTION_TYPES = ['FunctionDeclaration', 'FunctionExpression', 'ArrowFunctionExpression'];
/** Also what has parameters and no body: overloads, interfaces, function types, abstract methods. */
const SIGNATURE_TYPES = [
  ...FUNCTION_TYPES,
  'TSDeclareFunction',
  'TSEmptyBodyFunctionExpression',
  'TSMethodSignature',
  'TSFunctionType',
];
const TEST_FUNCTIONS = ['test', 'it', 'describe', 'suite'];
const QUIETING_MODIFIERS = ['only', 'skip', 'todo', 'skipIf', 'runIf', 'fails'];

const isTest = (path: string): boolean => /\.(?:test|fixture)\.ts$/.test(path) || path.startsWith('test/');
/** The configuration is read in one place of the servers and one of the command line; scripts and tests speak to processes that they start. */
const mayReadEnvironment = (path: string): boolean =>
  isTest(path) ||
  path.startsWith('scripts/') ||
  path.startsWith('runtime/src/config') ||
  path === 'client-sdk/src/cli/config.ts';

/** Rules about what stands in a TypeScript file, read from its syntax tree. */
export const syntaxRules: HouseRule[] = [
  nodeRule('function-length', isTypeScript, ({ node, parent, file }) => {
    if (!FUNCTION_TYPES.includes(node.type) || isSuite(parent)) return undefined;
    const lines = file.text.slice(node.start, node.end).split('\n').length;
    return lines > FUNCTION_LINES_MAX
      ? `a function of ${lines} lines, more than ${FUNCTION_LINES_MAX}`
      : undefined;
  }),
  nodeRule('parameter-count', isTypeScript, ({ node, parent }) => {
    if (!SIGNATURE_TYPES.includes(node.type) || !Array.isArray(node['params']) || isProperty(parent))
      return undefined;
    const count = node['params'].filter((parameter) => !isThis(parameter)).length;
    return count > PARAMETERS_MAX ? `${count} positional parameters, more than ${PARAMETERS_MAX}` : undefined;
  }),
  nodeRule('no-any', isTypeScript, ({ node }) => (node.type === 'TSAnyKeyword' ? 'the type any' : undefined)),
  nodeRule('no-empty-catch', isTypeScript, ({ node }) => {
    const body = node.type === 'CatchClause' ? fieldAt(node, 'body.body') : undefined;
    return Array.isArray(body) && body.length === 0 ? 'a catch that does nothing' : undefined;
  }),
  nodeRule(
    'environment-in-config-only',
    (path) => isTypeScript(path) && !mayReadEnvironment(path),
    ({ node }) => {
      const member = fieldAt(node, 'object.name') === 'process' && fieldAt(node, 'property.name') === 'env';
      const imported =
        node.type === 'ImportDeclaration' &&
        /^(?:node:)?process$/.test(String(fieldAt(node, 'source.value'))) &&
        importedNames(node).includes('env');
      return member || imported ? 'the environment is read by the configuration only' : undefined;
    },
  ),
  nodeRule('no-quieted-test', isTypeScript, ({ node }) => {
    if (node.type !== 'MemberExpression') return undefined;
    const modifier = String(fieldAt(node, 'property.name'));
    const quieted = QUIETING_MODIFIERS.includes(modifier) && TEST_FUNCTIONS.includes(rootName(node));
    return quieted ? `a test made quiet by .${modifier}` : undefined;
  }),
  {
    name: 'no-barrel',
    // A door is named index.ts; that only a package's `exports` lead to one is for knip and the import rules to see.
    appliesTo: (path) => isTypeScript(path) && !path.endsWith('/index.ts'),
    find: ({ tree }) => {
      const statements = Array.isArray(tree['body']) ? tree['body'].filter(isNode) : [];
      const passesOn = statements.every((node) => node.type.startsWith('Export') && isNode(node['source']));
      return statements.length > 0 && passesOn ? ['1 only passes on what other files export'] : [];
    },
  },
  {
    name: 'own-package-by-relative-path-only',
    appliesTo: (path) => isTypeScript(path) && packageOf(path) !== undefined,
    find: ({ path, tree }) => {
      const relative = importedSpecifiers(tree).filter((specifier) => specifier.startsWith('.'));
      const outside = relative.filter(
        (specifier) => packageOf(join(dirname(path), specifier)) !== packageOf(path),
      );
      return outside.map((specifier) => `${specifier} leaves the package: import the other one by its name`);
    },
  },
];

interface NodeInFile {
  readonly node: SyntaxNode;
  readonly parent: SyntaxNode | undefined;
  readonly file: HouseFile;
}

function nodeRule(
  name: string,
  appliesTo: (path: string) => boolean,
  judge: (found: NodeInFile) => string | undefined,
): HouseRule {
  const find = (file: HouseFile): string[] =>
    [...walk(file.tree)].flatMap(({ node, parent }) => {
      const finding = judge({ node, parent, file });
      return finding === undefined ? [] : [`${lineOf(file, node)} ${finding}`];
    });
  return { name, appliesTo, find };
}

function lineOf(file: HouseFile, node: SyntaxNode): number {
  return file.text.slice(0, node.start).split('\n').length;
}

/** `describe('…', () => {…})` is a chapter, not a function. */
function isSuite(parent: SyntaxNode | undefined): boolean {
  const callee = parent?.type === 'CallExpression' ? parent['callee'] : undefined;
  return isNode(callee) && ['describe', 'suite'].includes(rootName(callee));
}

/** fast-check hands the values of `fc.property(…)` over by position, as many as there are. */
function isProperty(parent: SyntaxNode | undefined): boolean {
  const name = parent === undefined ? undefined : fieldAt(parent, 'callee.property.name');
  return name === 'property' || name === 'asyncProperty';
}

/** `this` as a parameter only types the receiver. */
function isThis(parameter: unknown): boolean {
  return isNode(parameter) && parameter['name'] === 'this';
}

function importedNames(declaration: SyntaxNode): unknown[] {
  const specifiers = Array.isArray(declaration['specifiers']) ? declaration['specifiers'] : [];
  return specifiers.map((specifier) => (isNode(specifier) ? fieldAt(specifier, 'imported.name') : undefined));
}

/** The identifier that a chain of members and calls begins with: `test` in `test.concurrent.each([]).only`. */
function rootName(node: SyntaxNode): string {
  const inner = node['object'] ?? node['callee'] ?? node['tag'];
  return isNode(inner) ? rootName(inner) : String(node['name']);
}

function packageOf(path: string): string | undefined {
  return /^(?:examples\/)?[^/]+(?=\/src\/)/.exec(path)?.[0];
}
