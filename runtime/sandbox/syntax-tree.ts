import { parse } from 'acorn'
import { fault } from '../core/fault.ts'

/** A node of the syntax tree, in the shape of ESTree. */
export interface Tree {
  readonly type: string
  readonly [key: string]: unknown
}

export const isTree = (value: unknown): value is Tree => typeof value === 'object' && value !== null && typeof (value as Tree).type === 'string'

/**
 * The syntax tree of code that stands inside a function, checked alone first, so that it cannot close the
 * function around it, and then as the body it will be.
 * @throws Fault `script.syntax` with the line the user typed
 */
export function parseBody(code: string, parameters = 'msg, node', part?: string): Tree {
  try {
    const tree = parse(code, { ecmaVersion: 'latest', allowReturnOutsideFunction: true, allowAwaitOutsideFunction: true })
    parse(`(async function (${parameters}) {\n${code}\n})`, { ecmaVersion: 'latest' })
    return tree as unknown as Tree
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error
    const { line = 1, column = 0 } = (error as { loc?: { line: number; column: number } }).loc ?? {}
    const wrapped = !parses(code) ? 0 : 1
    const message = error.message.replace(/ \(\d+:\d+\)$/, '')
    throw fault('script.syntax', { message, line: line - wrapped, column: column + 1, ...(part && { part }) }, error)
  }
}

function parses(code: string): boolean {
  try {
    parse(code, { ecmaVersion: 'latest', allowReturnOutsideFunction: true, allowAwaitOutsideFunction: true })
    return true
  } catch {
    return false
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
