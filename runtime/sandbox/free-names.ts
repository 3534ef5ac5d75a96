import { eachChild, isKey, targetsOf, type Tree } from '../core/syntax/script-tree.ts'

/** A name that no declaration of the code itself binds, where it stands. */
export interface FreeName {
  readonly name: string
  /** The nodes around it, outermost first. */
  readonly path: readonly Tree[]
  readonly node: Tree
}

/** The names that hold at one place of the code. */
type Scope = ReadonlySet<string>

const functions = new Set(['FunctionDeclaration', 'FunctionExpression', 'ArrowFunctionExpression'])
const loops = new Set(['ForStatement', 'ForInStatement', 'ForOfStatement'])

/**
 * The free names of a function's body, by the scopes of ECMAScript (ECMA-262 §8.2). Where the old rules for
 * functions in blocks (§B.3.2) bind a name further out than its block, it is called free there: whoever asks
 * may rely on a name that is not here, and has to doubt one that is.
 * @param body the block of a function with these parameters
 */
export function freeNames(body: Tree, parameters: readonly string[]): FreeName[] {
  const found: FreeName[] = []

  function visit(node: Tree, scope: Scope, path: readonly Tree[]): void {
    const parent = path.at(-1)
    const below = [...path, node]
    if (node.type === 'Identifier') {
      if (!scope.has(node['name'] as string) && !isKey(node, parent) && !isLabel(node, parent)) found.push({ name: node['name'] as string, path, node })
    } else if (functions.has(node.type)) visitFunction(node, scope, below)
    else if (node.type === 'ClassDeclaration' || node.type === 'ClassExpression') children(node, withNames(scope, patternNames(node['id'])), below)
    else if (node.type === 'StaticBlock') visitBody(node['body'] as Tree[], scope, below)
    else if (node.type === 'BlockStatement') statements(node['body'] as Tree[], scope, below)
    else if (node.type === 'SwitchStatement') {
      visit(node['discriminant'] as Tree, scope, below)
      const cases = node['cases'] as Tree[]
      const inside = withNames(scope, lexicalNames(cases.flatMap((one) => one['consequent'] as Tree[])))
      for (const one of cases) visit(one, inside, below)
    } else if (loops.has(node.type)) {
      const head = (node['init'] ?? node['left']) as Tree | null
      children(node, head && isLexical(head) ? withNames(scope, declaredNames(head)) : scope, below)
    } else if (node.type === 'CatchClause') children(node, withNames(scope, patternNames(node['param'])), below)
    else children(node, scope, below)
  }

  function visitFunction(node: Tree, scope: Scope, path: readonly Tree[]): void {
    const named = node.type === 'FunctionExpression' ? withNames(scope, patternNames(node['id'])) : scope
    const list = node['params'] as Tree[]
    // A default sees the parameters only, and none of what the body declares.
    const inside = withNames(named, list.flatMap(patternNames))
    for (const parameter of list) visit(parameter, inside, path)
    const block = node['body'] as Tree
    if (block.type === 'BlockStatement') visitBody(block['body'] as Tree[], inside, [...path, block])
    else visit(block, inside, path)
  }

  /** Statements that hold what `var` declares anywhere in them. */
  function visitBody(list: readonly Tree[], scope: Scope, path: readonly Tree[]): void {
    statements(list, withNames(scope, list.flatMap(varNames)), path)
  }

  function statements(list: readonly Tree[], scope: Scope, path: readonly Tree[]): void {
    const inside = withNames(scope, lexicalNames(list))
    for (const statement of list) visit(statement, inside, path)
  }

  function children(node: Tree, scope: Scope, path: readonly Tree[]): void {
    eachChild(node, (child) => visit(child, scope, path))
  }

  visitBody(body['body'] as Tree[], new Set(parameters), [body])
  return found
}

const withNames = (scope: Scope, names: readonly string[]): Scope => (names.length === 0 ? scope : new Set([...scope, ...names]))

const isLexical = (node: Tree): boolean => node.type === 'VariableDeclaration' && node['kind'] !== 'var'

/** `outer:`, `break outer`; and `new.target`, which names nothing. */
function isLabel(node: Tree, parent: Tree | undefined): boolean {
  return (parent?.['label'] === node && (parent.type === 'LabeledStatement' || parent.type === 'BreakStatement' || parent.type === 'ContinueStatement')) || parent?.type === 'MetaProperty'
}

function declaredNames(declaration: Tree): string[] {
  return (declaration['declarations'] as Tree[]).flatMap((one) => patternNames(one['id']))
}

/** What statements declare for the block that they stand in. */
function lexicalNames(list: readonly Tree[]): string[] {
  return list.flatMap((statement) => {
    if (isLexical(statement)) return declaredNames(statement)
    return statement.type === 'FunctionDeclaration' || statement.type === 'ClassDeclaration' ? patternNames(statement['id']) : []
  })
}

/** What `var` declares in a statement and the statements within, functions and classes left out. */
function varNames(node: Tree): string[] {
  const found: string[] = []
  const look = (at: Tree): void => {
    if (at.type === 'VariableDeclaration' && at['kind'] === 'var') found.push(...declaredNames(at))
    if (!functions.has(at.type) && !at.type.startsWith('Class') && !at.type.endsWith('Expression')) eachChild(at, look)
  }
  look(node)
  return found
}

/** The names among what a pattern binds. */
function patternNames(pattern: unknown): string[] {
  return targetsOf(pattern).flatMap((target) => (target.type === 'Identifier' ? [target['name'] as string] : []))
}
