import { eachChild, keyName, propertyName, targetsOf, type Tree } from '../core/syntax/script-tree.ts'
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
/** Made by `new`, their objects would have the methods of texts and numbers, and these cannot be given others. */
const wrappers = new Set(['String', 'Number', 'Boolean'])

const namesOf = (one: object, type: 'function' | 'number'): string[] =>
  Object.getOwnPropertyNames(one).filter((name) => typeof (one as Readonly<Record<string, unknown>>)[name] === type)

/** What may be read of such a name, wherever it stands. */
const numbers: Readonly<Record<string, ReadonlySet<string>>> = { Math: new Set(namesOf(Math, 'number')), Number: new Set(namesOf(Number, 'number')) }
/**
 * What may be called of it: of `Object`, all that defines properties and nothing that assigns them, looks at prototypes or asks what is
 * frozen. No `Math.random`: who sees some of its numbers can compute the next, and those are another function's.
 */
const functions: Readonly<Record<string, ReadonlySet<string>>> = {
  JSON: new Set(['parse', 'stringify']),
  Math: new Set(namesOf(Math, 'function').filter((name) => name !== 'random')),
  Object: new Set(['keys', 'values', 'entries', 'fromEntries', 'hasOwn', 'is', 'freeze', 'groupBy']),
  Array: new Set(['isArray', 'from', 'of']),
  Number: new Set(namesOf(Number, 'function')),
  String: new Set(['fromCharCode', 'fromCodePoint', 'raw']),
  Date: new Set(['now', 'parse', 'UTC']),
  Map: new Set(['groupBy']),
}
/** Methods that call what they are given, and give it to nobody: `.map(Number)`. */
const callers = new Set(['map', 'flatMap', 'filter', 'some', 'every', 'find', 'findLast', 'findIndex', 'findLastIndex', 'forEach', 'from'])
/** What goes through texts by patterns; where the prototype of patterns is frozen that takes V8 up to ten times as long, but for `test` and `exec`. */
const matching = new Set(['match', 'matchAll'])
const replacing = new Set(['replace', 'replaceAll', 'split'])

/** Whoever has one of these has the prototypes and constructors that all share. */
const revealing = new Set(['constructor', 'prototype', '__proto__', '__defineGetter__', '__defineSetter__', '__lookupGetter__', '__lookupSetter__', 'caller', 'callee', 'arguments'])

/** Names that no object can be given by assignment when the prototypes are frozen, but for those of {@link assignable}. */
const inherited = new Set(
  [Object, Array, Function, Date, RegExp, Map, Set, WeakMap, WeakSet, Error, Buffer].flatMap((one) => {
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
    case 'CallExpression':
      if (goesThroughPatterns(node)) return false
      break
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

function goesThroughPatterns(call: Tree): boolean {
  const callee = call['callee'] as Tree
  const name = callee.type === 'MemberExpression' ? propertyName(callee) : undefined
  if (name === undefined || !replacing.has(name)) return name !== undefined && matching.has(name)
  const [what] = call['arguments'] as Tree[]
  return what !== undefined && what.type !== 'TemplateLiteral' && typeof what['value'] !== 'string'
}

/** Whether what is assigned there stays there: no property of it is named like one that it could inherit. */
function keepable(pattern: unknown): boolean {
  return targetsOf(pattern).every((target) => {
    if (target.type !== 'MemberExpression') return true // a variable: free ones are looked at by name
    const property = target['property'] as Tree
    if (target['computed'] && property.type === 'Literal' && typeof property['value'] === 'number') return true
    const name = propertyName(target)
    return name !== undefined && (assignable.has(name) || !inherited.has(name))
  })
}

function allowed({ name, path, node }: FreeName): boolean {
  const parent = path.at(-1) as Tree
  if (parent.type === 'MemberExpression' && parent['object'] === node) {
    const property = propertyName(parent)
    const above = path.slice(0, -1)
    if (property === undefined) return false
    if (numbers[name]?.has(property)) return !isTarget(parent, above)
    if (name === 'Object' && property === 'freeze') return freezesLiteral(parent, above)
    return functions[name]?.has(property) === true && isOnlyCalled(parent, above)
  }
  if (constants.has(name)) return !isTarget(node, path)
  if (!usable.has(name)) return false
  if (parent.type === 'NewExpression') return parent['callee'] === node && !wrappers.has(name)
  return (parent.type === 'BinaryExpression' && parent['operator'] === 'instanceof' && parent['right'] === node) || isOnlyCalled(node, path)
}

/** `Math.max(…)`, `Math.max.apply(…)`, ``String.raw`…` ``, `list.map(Math.round)`: nobody holds it, so nobody gives it properties. */
function isOnlyCalled(node: Tree, path: readonly Tree[]): boolean {
  const parent = path.at(-1) as Tree
  switch (parent.type) {
    case 'CallExpression': {
      const callee = parent['callee'] as Tree
      return callee === node || (callee.type === 'MemberExpression' && callers.has(propertyName(callee) ?? ''))
    }
    case 'TaggedTemplateExpression':
      return parent['tag'] === node
    case 'MemberExpression': {
      const name = propertyName(parent)
      const grand = path.at(-2)
      return parent['object'] === node && (name === 'call' || name === 'apply') && grand?.type === 'CallExpression' && grand['callee'] === parent
    }
    default:
      return false
  }
}

/** Errors that are frozen would tell by what is assigned to them that their `name` and `message` are accessors here. */
function freezesLiteral(callee: Tree, path: readonly Tree[]): boolean {
  const call = path.at(-1) as Tree
  if (call.type !== 'CallExpression' || call['callee'] !== callee) return false
  const [given] = call['arguments'] as Tree[]
  return given?.type === 'ObjectExpression' || given?.type === 'ArrayExpression'
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
