import { Parser, tokTypes, type Program, type TokenType } from 'acorn'

/** A node of the syntax tree, in the shape of ESTree. */
export interface Tree {
  readonly type: string
  readonly [key: string]: unknown
}

export const isTree = (value: unknown): value is Tree => typeof value === 'object' && value !== null && typeof (value as Tree).type === 'string'

/** Code that does not compile, at a place of what the user typed. */
export class ScriptSyntaxError extends Error {
  override readonly name = 'ScriptSyntaxError'
  /** From 1 each. */
  readonly line: number
  readonly column: number
  constructor(message: string, line: number, column: number, cause: unknown) {
    super(message, { cause })
    this.line = line
    this.column = column
  }
}

export interface ScriptForm {
  /** Of the function around the code (default `msg, node`). */
  readonly parameters?: string
  /** Whether `await` may stand in it (default true). */
  readonly async?: boolean
}

const ecmaVersion = 'latest'

declare module 'acorn' {
  /** What its plugins may use. */
  interface Parser {
    type: TokenType
    pos: number
    start: number
    exprAllowed: boolean
    updateContext(before: TokenType): void
    readToken_slash(): void
    skipLineComment(marked: number): void
    raise(at: number, message: string): never
    parseExprOp(left: unknown, ...more: unknown[]): unknown
  }
}

/**
 * Reads slashes as the grammar does. Acorn tells divisions from patterns by the token before them, and takes some for patterns that are none (after
 * `a?.in`, after a variable `of` in a line of its own): what V8 then divides by would be code that nobody looked at.
 */
class ScriptParser extends Parser {
  override updateContext(before: TokenType): void {
    super.updateContext(before === tokTypes.questionDot ? tokTypes.dot : before)
  }

  /** `<!--` and `-->`, too, begin comments (ECMA-262 §B.1.1); acorn overlooks them where it looks ahead, at `let <!--` or before "use strict". */
  override skipLineComment(marked: number): void {
    if (marked > 2) this.raise(this.pos, 'Comments of HTML are not taken')
    super.skipLineComment(marked)
  }

  /** Here an expression has ended and an operator may follow. */
  override parseExprOp(left: unknown, ...more: unknown[]): unknown {
    if (this.type === tokTypes.regexp) {
      this.pos = this.start
      this.exprAllowed = false
      this.readToken_slash()
    }
    return super.parseExprOp(left, ...more)
  }
}

/**
 * The block that code is as the body of a function. It cannot close the function around it.
 * @throws ScriptSyntaxError
 */
export function parseScript(code: string, { parameters = 'msg, node', async = true }: ScriptForm = {}): Tree {
  const head = `(${async ? 'async ' : ''}function (${parameters}) {\n`
  const text = `${head}${code}\n})`
  let body: Tree | undefined
  const inside = failureOf(() => {
    body = bodyOfOnly(ScriptParser.parse(text, { ecmaVersion }), text.length - 1)
  })
  if (body) return body
  const alone = failureOf(() => ScriptParser.parse(code, { ecmaVersion, allowReturnOutsideFunction: true, allowAwaitOutsideFunction: async }))
  const error = alone && !(inside && isFurther(inside.pos - head.length, alone.pos, code)) ? alone : inside
  if (!error) throw new ScriptSyntaxError('Unexpected end of the function', 1, 1, undefined)
  throw new ScriptSyntaxError(error.message.replace(/ \(\d+:\d+\)$/, ''), error.loc.line - (error === inside ? 1 : 0), error.loc.column + 1, error)
}

/**
 * Whether the place of an error in the function says more than that in the code alone. Alone, code can neither close what is around it
 * nor run out into it; but there, `new.target` and `using` are errors in themselves.
 */
function isFurther(inside: number, alone: number, code: string): boolean {
  return inside >= 0 && inside < code.length && inside !== alone && code[alone] !== '}'
}

/** What acorn throws. */
type Failure = SyntaxError & { readonly pos: number; readonly loc: { readonly line: number; readonly column: number } }

function failureOf(read: () => void): Failure | undefined {
  try {
    read()
    return undefined
  } catch (error) {
    if (error instanceof SyntaxError) return error as Failure
    throw error
  }
}

/** The body of the one function that a text is made of, in parentheses; `undefined` when the text is anything else. */
function bodyOfOnly(program: Program, end: number): Tree | undefined {
  const [statement, ...more] = program.body
  if (more.length > 0 || statement?.type !== 'ExpressionStatement') return undefined
  const { expression } = statement
  return expression.type === 'FunctionExpression' && expression.end === end ? (expression.body as unknown as Tree) : undefined
}

/** Calls back for each node right below. */
export function eachChild(node: Tree, visit: (child: Tree) => void): void {
  for (const key in node) {
    const value = node[key]
    if (typeof value !== 'object' || value === null) continue
    if (Array.isArray(value)) {
      for (const item of value) if (isTree(item)) visit(item)
    } else if (isTree(value)) visit(value)
  }
}

/** What a pattern binds or assigns, whatever brackets stand around it: `a`, `{ b, c: [d.e] }`, `f = 1`, `...g`. */
export function targetsOf(pattern: unknown): readonly Tree[] {
  if (!isTree(pattern)) return []
  switch (pattern.type) {
    case 'ObjectPattern':
      return (pattern['properties'] as Tree[]).flatMap((one) => targetsOf(one.type === 'RestElement' ? one : one['value']))
    case 'ArrayPattern':
      return (pattern['elements'] as unknown[]).flatMap(targetsOf)
    case 'AssignmentPattern':
      return targetsOf(pattern['left'])
    case 'RestElement':
      return targetsOf(pattern['argument'])
    default:
      return [pattern]
  }
}

/** Methods that change nothing of what they are called on, and give nothing by which it could be changed. */
export const quietMethods = new Set([
  'toUpperCase', 'toLowerCase', 'trim', 'includes', 'startsWith', 'endsWith', 'split', 'toString', 'toFixed', 'indexOf', 'charAt', 'substring',
])

/** The property that a member expression names, where it is known before it runs. */
export function propertyName(member: Tree): string | undefined {
  const property = member['property'] as Tree
  if (!member['computed']) return property['name'] as string | undefined
  return property.type === 'Literal' && typeof property['value'] === 'string' ? property['value'] : undefined
}

/** The key of a property in an object or a pattern, where it is known. */
export function keyName(property: Tree): string | undefined {
  const key = property['key'] as Tree
  if (!property['computed'] && key.type === 'Identifier') return key['name'] as string
  return key.type === 'Literal' ? String(key['value']) : undefined
}

/** An identifier that only names a property: `x.msg`, `{ msg: 1 }`. */
export function isKey(node: Tree, parent: Tree | undefined): boolean {
  if (!parent) return false
  if (parent.type === 'MemberExpression') return parent['property'] === node && !parent['computed']
  if (parent.type === 'Property' || parent.type === 'MethodDefinition' || parent.type === 'PropertyDefinition') {
    return parent['key'] === node && !parent['computed'] && parent['shorthand'] !== true
  }
  return false
}

/** `flow.get(…)`, `context.flow.set(…)`: it is called by a property, and nobody holds it. */
export function isCalled(node: Tree, path: readonly Tree[]): boolean {
  let below = node
  for (let i = path.length - 1; i >= 0; i--) {
    const at = path[i] as Tree
    if (at.type === 'MemberExpression' && at['object'] === below) below = at
    else return below !== node && at.type === 'CallExpression' && at['callee'] === below
  }
  return false
}

/** `return msg` of the function itself or `node.send(msg)`, also inside list literals and branches of `?:`. */
export function isSent(node: Tree, path: readonly Tree[]): boolean {
  let below = node
  for (let i = path.length - 1; i >= 0; i--) {
    const at = path[i] as Tree
    if (at.type === 'ArrayExpression' || (at.type === 'ConditionalExpression' && at['test'] !== below)) {
      below = at
      continue
    }
    if (at.type === 'ReturnStatement') return !path.slice(0, i).some((outer) => outer.type.includes('Function') || outer.type.startsWith('Class'))
    if (at.type === 'CallExpression') {
      const callee = at['callee'] as Tree
      const object = callee['object']
      return callee !== below && callee.type === 'MemberExpression' && isTree(object) && object['name'] === 'node' && propertyName(callee) === 'send'
    }
    return false
  }
  return false
}

/** True when what is read at `msg.name…` ends in an operator or a test, so that nobody can change it. */
export function onlyRead(path: readonly Tree[]): boolean {
  let i = path.length - 1
  let below = path[i] as Tree
  for (i--; i >= 0; i--) {
    const at = path[i] as Tree
    if (at.type === 'ChainExpression' || (at.type === 'MemberExpression' && at['object'] === below)) {
      below = at
      continue
    }
    switch (at.type) {
      case 'BinaryExpression':
      case 'TemplateLiteral':
        return true
      case 'UnaryExpression':
        return at['operator'] !== 'delete'
      case 'IfStatement':
      case 'ConditionalExpression':
        return at['test'] === below
      case 'SwitchStatement':
        return at['discriminant'] === below
      case 'MemberExpression': // a computed key
        return at['property'] === below && at['computed'] === true
      case 'CallExpression':
        return at['callee'] === below && below.type === 'MemberExpression' && quietMethods.has(propertyName(below) ?? '')
      default:
        return false
    }
  }
  return false
}
