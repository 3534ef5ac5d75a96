import { eachChild, isTree, keyName, propertyName, type Tree } from '../core/syntax/script-tree.ts'
import { freeNames, type FreeName } from './free-names.ts'

/**
 * Names of the language that may be used whole: called, given to a call (`.map(Number)`), asked for with `instanceof`.
 * They hold no state, and reach none once everything of their context is frozen.
 */
const usable = new Set([
  'Number', 'String', 'Boolean', 'BigInt', 'Array', 'Date', 'RegExp', 'Map', 'Set', 'WeakMap', 'WeakSet',
  'Error', 'EvalError', 'RangeError', 'ReferenceError', 'SyntaxError', 'TypeError', 'URIError',
  'parseInt', 'parseFloat', 'isNaN', 'isFinite', 'encodeURIComponent', 'decodeURIComponent', 'encodeURI', 'decodeURI',
])
const constants = new Set(['undefined', 'NaN', 'Infinity'])

/** What may be read of such a name: of `Object`, all that defines properties and nothing that assigns them or looks at prototypes. */
const readable: Readonly<Record<string, ReadonlySet<string>>> = {
  JSON: new Set(['parse', 'stringify']),
  Math: new Set(Object.getOwnPropertyNames(Math)),
  Object: new Set(['keys', 'values', 'entries', 'fromEntries', 'hasOwn', 'is', 'freeze', 'isFrozen', 'groupBy']),
  Array: new Set(['isArray', 'from', 'of']),
  Number: new Set(Object.getOwnPropertyNames(Number).filter((name) => name !== 'prototype')),
  String: new Set(['fromCharCode', 'fromCodePoint', 'raw']),
  Date: new Set(['now', 'parse', 'UTC']),
  Map: new Set(['groupBy']),
}

/** Whoever has one of these has the prototypes and constructors that all share. */
const revealing = new Set(['constructor', 'prototype', '__proto__', '__defineGetter__', '__defineSetter__', '__lookupGetter__', '__lookupSetter__', 'caller', 'callee', 'arguments'])

/** Names that no object can be given by assignment when the prototypes are frozen, but for those of {@link assignable}. */
const inherited = new Set(
  [Object, Array, Function, Date, RegExp, Map, Set, WeakMap, WeakSet, Error].flatMap((one) => {
    const prototype = one.prototype as object
    return Object.getOwnPropertyNames(prototype).filter((name) => Object.getOwnPropertyDescriptor(prototype, name)?.writable === true)
  }),
)
/** Lists and functions have a `length` of their own; on errors, the room makes `name` and `message` assignable. */
const assignable = new Set(['length', 'name', 'message'])

const refused = new Set(['ThisExpression', 'Super', 'MetaProperty', 'WithStatement', 'ImportExpression'])

/**
 * True when nothing of the code can be told from outside of one call, and nothing outside of it from within, in a
 * context where everything that the language gives is frozen. Such functions need no context of their own. The rules
 * are those of hardened JavaScript (SES, https://github.com/tc39/proposal-ses), decided before the code runs: where
 * a rule of frozen objects could show, be it by an assignment that is lost, the answer is no. (Nobody gives an
 * iterator another `next`; many give one to an answer in pages.)
 * @param body the block of a function of `msg` and `node`
 */
export function isClosed(body: Tree): boolean {
  return harmless(body) && freeNames(body, ['msg', 'node']).every(allowed)
}

function harmless(node: Tree): boolean {
  if (refused.has(node.type)) return false
  switch (node.type) {
    case 'MemberExpression': {
      const name = propertyName(node)
      if (name !== undefined && revealing.has(name)) return false
      break
    }
    case 'Property': {
      const name = keyName(node)
      if (name === '__proto__' || (node['kind'] === 'init' && name !== undefined && revealing.has(name))) return false
      break
    }
    case 'AssignmentExpression':
    case 'ForInStatement':
    case 'ForOfStatement':
      if (!keepable(node['left'])) return false
      break
    case 'UpdateExpression':
      if (!keepable(node['argument'])) return false
      break
  }
  let good = true
  eachChild(node, (child) => {
    good &&= harmless(child)
  })
  return good
}

/** Whether what is assigned there stays there: no property of it is named like one that it could inherit. */
function keepable(target: unknown): boolean {
  if (!isTree(target)) return true
  switch (target.type) {
    case 'MemberExpression': {
      const property = target['property'] as Tree
      if (target['computed'] && property.type === 'Literal' && typeof property['value'] === 'number') return true
      const name = propertyName(target)
      return name !== undefined && (assignable.has(name) || !inherited.has(name))
    }
    case 'ObjectPattern':
      return (target['properties'] as Tree[]).every((one) => keepable(one.type === 'RestElement' ? one['argument'] : one['value']))
    case 'ArrayPattern':
      return (target['elements'] as unknown[]).every(keepable)
    case 'AssignmentPattern':
      return keepable(target['left'])
    case 'RestElement':
      return keepable(target['argument'])
    default:
      return true // a variable: free ones are looked at by name
  }
}

function allowed({ name, path, node }: FreeName): boolean {
  const parent = path.at(-1) as Tree
  if (parent.type === 'MemberExpression' && parent['object'] === node) {
    const property = propertyName(parent)
    return property !== undefined && readable[name]?.has(property) === true && !leadsToTarget(path)
  }
  if (constants.has(name)) return !isTarget(node, path)
  if (!usable.has(name)) return false
  switch (parent.type) {
    case 'CallExpression':
      return parent['callee'] === node || (parent['callee'] as Tree).type === 'MemberExpression'
    case 'NewExpression':
      return parent['callee'] === node
    case 'BinaryExpression':
      return parent['operator'] === 'instanceof' && parent['right'] === node
    default:
      return false
  }
}

/** `Math.max.tried = true`: the chain of properties that the path ends in is assigned. */
function leadsToTarget(path: readonly Tree[]): boolean {
  let last = path.length - 1
  while (path[last - 1]?.type === 'MemberExpression' && path[last - 1]?.['object'] === path[last]) last--
  return isTarget(path[last] as Tree, path.slice(0, last))
}

/** Assigned, counted up or deleted, also as part of a pattern. */
function isTarget(node: Tree, path: readonly Tree[]): boolean {
  const parent = path.at(-1)
  switch (parent?.type) {
    case 'AssignmentExpression':
    case 'AssignmentPattern':
    case 'ForInStatement':
    case 'ForOfStatement':
      return parent['left'] === node
    case 'UnaryExpression':
      return parent['operator'] === 'delete'
    case 'Property':
      return parent['value'] === node && path.at(-2)?.type === 'ObjectPattern'
    case 'UpdateExpression':
    case 'ArrayPattern':
    case 'RestElement':
      return true
    default:
      return false
  }
}
