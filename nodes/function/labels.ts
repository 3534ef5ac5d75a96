import type { AnyNode } from 'acorn'
import { ancestor } from 'acorn-walk'
import { type LabelMap, unionOf } from '../../runtime/core/labels/label-map.ts'
import type { Leak, LeakTo } from '../../runtime/core/labels/labels.ts'
import { parseScript } from '../../runtime/core/syntax/script-tree.ts'

/** What a script does with its message, as far as its text tells. */
interface Seen {
  /** Fields of the message that it names; undefined: it may touch any. */
  readonly fields: ReadonlySet<string> | undefined
  /** Fields of messages that it makes itself and sends; undefined: what it sends is made where nobody looks. */
  readonly made: ReadonlySet<string> | undefined
  readonly leaks: readonly { readonly to: LeakTo; readonly what: string }[]
}

/** Ways of a script to say something to people. What it says of the message is refused; a fixed text is none of that. */
const loud: ReadonlySet<string> = new Set(['node.log', 'node.warn', 'node.error', 'node.debug', 'node.trace', 'console.log', 'console.info', 'console.warn', 'console.error', 'console.debug'])
const contexts: ReadonlySet<string> = new Set(['context', 'flow', 'global'])

/**
 * What leaves a function. Nobody follows what it computes: each field that it names may carry what any field that it names carried.
 * One that hands the message on as a whole, or asks for fields by computed names, may have put anything anywhere.
 */
export function labelsOfScript(code: string, input: LabelMap): LabelMap {
  if (input.isEmpty) return input
  const { fields, made } = look(code)
  if (!fields) return input.anywhere
  const mixed = unionOf([...fields].map((name) => input.at([name]))).anywhere
  if (mixed.isEmpty) return input
  return made ? unionOf([input, ...[...fields, ...made].map((name) => mixed.under([name]))]) : input.and(mixed)
}

/** What of a message a function may write down: in a log, in a context. */
export function leaksOfScript(code: string, input: LabelMap): readonly Leak[] {
  if (input.isEmpty) return []
  const { fields, leaks } = look(code)
  const labels = fields ? unionOf([...fields].map((name) => input.at([name]))).anywhere : input.anywhere
  return leaks.map(({ to, what }) => ({ to, what, property: 'func', labels }))
}

function look(code: string): Seen {
  const fields = new Set<string>()
  const leaks: { to: LeakTo; what: string }[] = []
  const made = new Set<string>()
  let escapes = false
  let unseen = false
  let tree: AnyNode
  try {
    tree = parseScript(code) as unknown as AnyNode
  } catch {
    return { fields: undefined, made: undefined, leaks: [] }
  }
  const visitors = {
    Identifier(node: AnyNode, _state: unknown, ancestors: readonly AnyNode[]) {
      const { name } = node as { name: string }
      const parent = ancestors.at(-2) as (AnyNode & Readonly<Record<string, unknown>>) | undefined
      const around = ancestors.at(-3) as (AnyNode & Readonly<Record<string, unknown>>) | undefined
      if (name === 'arguments' || name === 'eval' || name === 'Function') escapes = true
      if (name === 'msg') {
        if (parent?.type === 'MemberExpression' && parent.object === node) {
          const field = fieldOf(parent)
          if (field === undefined) escapes = true
          else fields.add(field)
        } else if (!isSent(parent, around) && !isTakenApart(parent, fields)) escapes = true
      } else if (contexts.has(name)) {
        if (parent?.type !== 'MemberExpression' || parent.object !== node || fieldOf(parent) !== 'get') leaks.push({ to: 'store', what: `the ${name === 'context' ? 'node' : name} context` })
      } else if (name === 'node' || name === 'console') {
        const method = parent?.type === 'MemberExpression' && parent.object === node ? fieldOf(parent) : undefined
        if (method === undefined) leaks.push({ to: 'log', what: name })
        else if (method === 'send') {
          if (around?.type === 'CallExpression' && around.callee === parent) for (const sent of around.arguments as unknown as readonly Expression[]) send(sent)
          else unseen = true
        }
        else if (method === 'status' && !isFixed(around, parent)) leaks.push({ to: 'log', what: 'the status under the node' })
        else if (loud.has(`${name}.${method}`) && !isFixed(around, parent)) leaks.push({ to: 'log', what: `${name}.${method}` })
      }
    },
    ReturnStatement(node: AnyNode, _state: unknown, ancestors: readonly AnyNode[]) {
      if (!ancestors.some(({ type }) => type.includes('Function'))) send((node as unknown as { argument: Expression }).argument)
    },
    // Another thing takes the name, or the message is another one from here on.
    VariablePattern(node: AnyNode) {
      if ((node as unknown as { name: string }).name === 'msg') escapes = true
    },
  }
  // The walker knows places where a name is given; its types do not.
  ancestor(tree, visitors as unknown as Parameters<typeof ancestor>[1])
  return { fields: escapes ? undefined : fields, made: unseen ? undefined : made, leaks }

  /** What is sent beside the message that came: fields of an object that is written out. */
  function send(given: Expression): void {
    switch (given?.type) {
      case undefined:
      case 'Literal':
        return
      case 'Identifier':
        if (given['name'] !== 'msg' && given['name'] !== 'undefined') unseen = true
        return
      case 'ArrayExpression':
        for (const one of given['elements'] as readonly Expression[]) send(one)
        return
      case 'ConditionalExpression':
        send(given['consequent'] as Expression)
        send(given['alternate'] as Expression)
        return
      case 'ObjectExpression':
        for (const one of given['properties'] as readonly Readonly<Record<string, unknown>>[]) {
          const field = one['type'] === 'Property' ? fieldOf({ property: one['key'], computed: one['computed'] }) : undefined
          if (field === undefined) unseen = true
          else made.add(field)
        }
        return
      default:
        unseen = true
    }
  }
}

type Expression = Readonly<Record<string, unknown>> | null | undefined

function fieldOf({ property, computed }: Readonly<Record<string, unknown>>): string | undefined {
  const { name, value } = property as { readonly name?: string; readonly value?: unknown }
  if (!computed) return name
  return typeof value === 'string' ? value : undefined
}

/** `return msg`, `return [msg, null]`, `node.send(msg)`, `node.error('x', msg)`: it goes on as it is. */
function isSent(parent: Readonly<Record<string, unknown>> | undefined, around: Readonly<Record<string, unknown>> | undefined): boolean {
  if (parent?.['type'] === 'ReturnStatement') return true
  if (parent?.['type'] === 'ArrayExpression') return around?.['type'] === 'ReturnStatement'
  if (parent?.['type'] !== 'CallExpression') return false
  const { object, property } = (parent['callee'] ?? {}) as { readonly object?: { readonly name?: string }; readonly property?: { readonly name?: string } }
  return object?.name === 'node' && ['send', 'error', 'done'].includes(property?.name ?? '')
}

/** `const { payload, topic } = msg` names its fields. */
function isTakenApart(parent: Readonly<Record<string, unknown>> | undefined, fields: Set<string>): boolean {
  const { type, properties } = (parent?.['id'] ?? {}) as { readonly type?: string; readonly properties?: readonly { readonly type: string; readonly computed?: boolean; readonly key?: Readonly<Record<string, unknown>> }[] }
  if (parent?.['type'] !== 'VariableDeclarator' || type !== 'ObjectPattern') return false
  const names = (properties ?? []).map((one) => (one.type === 'Property' && one.key ? fieldOf({ property: one.key, computed: one.computed }) : undefined))
  if (names.includes(undefined)) return false
  for (const name of names) fields.add(name as string)
  return true
}

/** A call whose first argument is written out; what goes on beside it is the message. */
function isFixed(call: Readonly<Record<string, unknown>> | undefined, callee: unknown): boolean {
  if (call?.['type'] !== 'CallExpression' || call['callee'] !== callee) return false
  const [first, ...rest] = call['arguments'] as readonly Readonly<Record<string, unknown>>[]
  return (first === undefined || isLiteral(first)) && rest.every((one) => isLiteral(one) || one['name'] === 'msg')
}

function isLiteral(node: unknown): boolean {
  const { type, value, properties, expressions } = (node ?? {}) as { readonly type?: string; readonly value?: unknown; readonly properties?: readonly { readonly value?: unknown; readonly computed?: boolean }[]; readonly expressions?: readonly unknown[] }
  if (type === 'Literal') return value !== undefined
  if (type === 'TemplateLiteral') return expressions?.length === 0
  return type === 'ObjectExpression' && (properties ?? []).every((one) => one.computed !== true && isLiteral(one.value))
}
