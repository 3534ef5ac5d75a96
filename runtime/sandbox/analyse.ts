import { eachChild, isCalled, isKey, isSent, isTree, keyName, onlyRead, propertyName, quietMethods, type Tree } from '../core/syntax/script-tree.ts'
import { isClosed } from './closed.ts'
import { parseBody } from './parse-body.ts'

/** What the code can see of its message, when the syntax tree proves that it is not everything. */
export interface Narrow {
  /** Fields that the code reads: they go in. */
  readonly seen: readonly string[]
  /** The same as JSON keys, colon included. */
  readonly labels: readonly string[]
  /** Fields that it may have changed: they come back. One that is not seen is only ever assigned as a whole. */
  readonly writes: readonly string[]
}

export interface Analysis {
  /** It awaits, promises or keeps timers: it must enter alone, and ends later. */
  readonly async: boolean
  /** It can send while it goes on, other than by returning. */
  readonly sendsLater: boolean
  /** It loops, allocates or calls what we do not know: finished neighbours are handed over before it begins. */
  readonly careful: boolean
  /** It may read the run's own context, so the host must know which call asks. */
  readonly named: boolean
  /** It registers close handlers, so it must stay in the context where it did so. */
  readonly closes: boolean
  readonly reach: Reach
  readonly narrow: Narrow | undefined
  /** Message in, message out: it names nothing that has to know which call runs (`node`, `console`, contexts). */
  readonly plain: boolean
  /** Plain, and needs no context of its own: see closed.ts. */
  readonly closed: boolean
}

/**
 * How far it reaches before it ends. `nothing`: whatever it does is gone with the call. `contexts`: it keeps things,
 * but only through `context`, `flow`, `global` and `run`, where the host sees every change. `globals`: it may keep
 * things in its isolate, which nobody can take back.
 */
export type Reach = 'nothing' | 'contexts' | 'globals'

const asyncNames = new Set([
  'Promise', 'setTimeout', 'setInterval', 'setImmediate', 'queueMicrotask', 'eval', 'Function', 'AsyncFunction', 'util',
])
const timerNames = new Set(['setTimeout', 'setInterval', 'setImmediate'])
/** `RED.util` reads contexts, and keeps nothing. */
const contextNames = new Set(['context', 'flow', 'global', 'run', 'RED'])
const globalNames = new Set(['globalThis', 'eval', 'Function'])
const hiding = new Set(['eval', 'arguments', 'Function'])
const asyncProperties = new Set(['constructor', 'then'])
const lightMethods = new Set([
  ...quietMethods, 'get', 'slice', 'warn', 'log', 'error', 'status', 'send', 'now', 'keys', 'round', 'floor', 'ceil', 'abs', 'min', 'max', 'random', 'stringify', 'parse',
  'toISOString', 'push', 'pop', 'test', 'hasOwn', 'isArray', 'debug', 'set', 'increment',
])
const lightCalls = new Set(['Number', 'String', 'Boolean', 'parseInt', 'parseFloat', 'isNaN', 'encodeURIComponent', 'decodeURIComponent', 'Date'])
const objectNames = new Set(Object.getOwnPropertyNames(Object.prototype))
const loops = new Set([
  'ForStatement', 'ForInStatement', 'ForOfStatement', 'WhileStatement', 'DoWhileStatement', 'SpreadElement', 'FunctionDeclaration', 'TaggedTemplateExpression',
  'ClassDeclaration', 'ClassExpression', 'FunctionExpression', 'ArrowFunctionExpression', 'WithStatement',
])

/**
 * Looks at a function's body.
 * @throws Fault `script.syntax`
 */
export function analyse(code: string): Analysis {
  const tree = parseBody(code)
  const seen = new Set<string>()
  const writes = new Set<string>()
  let wide = false
  let isAsync = false
  let sends = false
  let timers = false
  let careful = false
  let named = false
  let closes = false
  let usesContexts = false
  let keepsGlobals = false
  let speaks = false

  const visit = (node: Tree, path: readonly Tree[]): void => {
    const parent = path.at(-1)
    if (loops.has(node.type)) careful = true
    switch (node.type) {
      case 'AwaitExpression':
      case 'ImportExpression':
        isAsync = true
        break
      case 'VariableDeclaration':
        if (node['kind'] === 'await using') isAsync = true
        break
      case 'WithStatement':
        wide = true
        break
      case 'NewExpression':
        if (!(isTree(node['callee']) && node['callee']['name'] === 'Date')) careful = true
        break
      case 'CallExpression': {
        const callee = node['callee'] as Tree
        const name = callee.type === 'Identifier' ? callee['name'] : callee.type === 'MemberExpression' ? propertyName(callee) : undefined
        const light = callee.type === 'Identifier' ? lightCalls.has(name as string) : lightMethods.has(name as string)
        if (!light) careful = true
        break
      }
      case 'MemberExpression': {
        const name = propertyName(node)
        if (name !== undefined && asyncProperties.has(name)) isAsync = true
        break
      }
      case 'Property':
        if (parent?.type === 'ObjectPattern') {
          const key = keyName(node)
          if (key === undefined || asyncProperties.has(key)) isAsync = true
        }
        break
      case 'Identifier': {
        const name = node['name'] as string
        if (asyncNames.has(name) && !(name === 'util' && isKey(node, parent))) isAsync = true
        if (timerNames.has(name)) timers = true
        if (globalNames.has(name) && !isKey(node, parent)) keepsGlobals = true
        if (contextNames.has(name) && !isKey(node, parent)) {
          usesContexts = true
          if (!isCalled(node, path)) keepsGlobals = true // under another name it could be given properties
        }
        if (hiding.has(name)) wide = true
        if ((name === 'node' || name === 'console') && !isKey(node, parent)) speaks = true
        if (name === 'run' || name === 'globalThis' || name === 'eval') named = true
        if (name === 'node' && !isKey(node, parent)) lookAtNode(node, parent)
        if (name === 'msg' && !isKey(node, parent)) lookAtMessage(node, path)
        break
      }
    }
    if (node['async'] === true || (node.type === 'ForOfStatement' && node['await'] === true)) isAsync = true
    if (node.type === 'ThisExpression') {
      named = true
      keepsGlobals = true
    }
    const below = [...path, node]
    eachChild(node, (child) => visit(child, below))
  }

  const lookAtNode = (node: Tree, parent: Tree | undefined): void => {
    if (parent?.type !== 'MemberExpression' || parent['object'] !== node) {
      sends = closes = wide = true // somebody holds the node object under another name
      return
    }
    const name = propertyName(parent)
    if (name === undefined) sends = closes = wide = true
    if (name === 'send') sends = true
    if (name === 'error' || name === 'done') wide ||= name === 'done' // done(error) reports the whole message
    if (name === 'on') closes = true
  }

  /** Accepts `msg.name`, `const { name } = msg`, `return msg` and `node.send(msg)`; anything else may see everything. */
  const lookAtMessage = (node: Tree, path: readonly Tree[]): void => {
    const parent = path.at(-1)
    if (parent?.type === 'MemberExpression' && parent['object'] === node) {
      const name = propertyName(parent)
      const grand = path.at(-2)
      const called = (grand?.type === 'CallExpression' && grand['callee'] === parent) || (grand?.type === 'TaggedTemplateExpression' && grand['tag'] === parent)
      if (name === undefined || objectNames.has(name) || called) wide = true
      else {
        if (grand?.type === 'AssignmentExpression' && grand['operator'] === '=' && grand['left'] === parent) {
          writes.add(name)
          return
        }
        seen.add(name)
        if (!onlyRead(path)) writes.add(name)
      }
      return
    }
    if (parent?.type === 'VariableDeclarator' && parent['init'] === node) {
      const pattern = parent['id'] as Tree
      const properties = pattern.type === 'ObjectPattern' ? (pattern['properties'] as Tree[]) : undefined
      for (const property of properties ?? []) {
        const name = property.type === 'Property' ? keyName(property) : undefined
        if (name === undefined || objectNames.has(name)) wide = true
        else {
          seen.add(name)
          writes.add(name)
        }
      }
      if (properties) return
    }
    if (!isSent(node, path)) wide = true
  }

  visit(tree, [])
  const narrow = wide ? undefined : { seen: [...seen], labels: toLabels(seen), writes: [...writes] }
  const reach = keepsGlobals ? 'globals' : usesContexts ? 'contexts' : 'nothing'
  const plain = !isAsync && !speaks && !named && reach === 'nothing' && narrow !== undefined
  return { async: isAsync, sendsLater: isAsync && (sends || timers), careful, named, closes, reach, narrow, plain, closed: plain && isClosed(tree) }
}

/** Names as JSON keys, so that no call has to quote them. */
export function toLabels(names: Iterable<string>): string[] {
  return Array.from(names, (name) => `${JSON.stringify(name)}:`)
}
