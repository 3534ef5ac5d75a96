import { fault } from '../../runtime/core/fault.ts'
import type { Message } from '../../runtime/core/message.ts'
import type { Scope } from '../../runtime/core/node.ts'
import type { Run } from '../../runtime/core/run.ts'
import { compileTypedValue } from '../../runtime/core/values/typed-value.ts'
import { type Compare, compareOf } from './compare.ts'
import { hasValue, type SwitchRule } from './rules.ts'

/** A rule, ready to be asked: does the message go this way? */
export interface Test {
  readonly isElse: boolean
  readonly async: boolean
  passes(property: unknown, message: Message, run: Run): boolean | Promise<boolean>
}

/** What a switch remembers from one message to the next: the property, for rules that compare with “previous value”. */
export interface Memory {
  previous: unknown
}

/** Compiles a rule to one closure; what never changes is read now. */
export async function compileTest(rule: SwitchRule, memory: Memory, scope: Scope): Promise<Test> {
  if (rule.t === 'else') return { isElse: true, async: false, passes: () => true }
  if (rule.t === 'jsonata_exp') return expression(rule, scope)
  const compare = compareOf(rule) ?? inSequence(rule)
  if (!hasValue(rule)) return { isElse: false, async: false, passes: (property, message) => compare(property, message, undefined) }
  const b = await operand(rule.v, rule.vt, memory, scope)
  const c = rule.v2 === undefined ? nothing : await operand(rule.v2, rule.v2t ?? 'str', memory, scope)
  if (b.constant && c.constant) {
    const [first, second] = [b.value, c.value]
    if (rule.t === 'head' || rule.t === 'tail' || rule.t === 'index') return { isElse: false, async: false, passes: (_, message) => compare(message, first, second) }
    return { isElse: false, async: false, passes: (property) => compare(property, first, second) }
  }
  const subject = rule.t === 'head' || rule.t === 'tail' || rule.t === 'index' ? (_: unknown, message: Message) => message : (property: unknown) => property
  if (b.async || c.async) {
    return {
      isElse: false,
      async: true,
      passes: async (property, message, run) => compare(subject(property, message), await b.evaluate(message, run), await c.evaluate(message, run)),
    }
  }
  return { isElse: false, async: false, passes: (property, message, run) => compare(subject(property, message), b.evaluate(message, run), c.evaluate(message, run)) }
}

interface Operand {
  readonly constant: boolean
  readonly async: boolean
  readonly value?: unknown
  evaluate(message: Message, run: Run): unknown
}

const nothing: Operand = { constant: true, async: false, value: undefined, evaluate: () => undefined }

async function operand(value: unknown, type: string, memory: Memory, scope: Scope): Promise<Operand> {
  if (type === 'prev') return { constant: false, async: false, evaluate: () => memory.previous }
  return compileTypedValue(value, type, scope)
}

/** JSONata that must give `true`; `$I` and `$N` are place and length of the sequence, as in Node-RED. */
async function expression(rule: SwitchRule, scope: Scope): Promise<Test> {
  const host = { owner: scope.node.owner, id: scope.node.id, env: scope.env, contexts: scope.contexts }
  const text = String(rule.v ?? '')
  if (!/\$[IN]\b/.test(text)) {
    const evaluate = await scope.sandbox.jsonata(text, host)
    return { isElse: false, async: true, passes: async (_, message, run) => (await evaluate(message, run)) === true }
  }
  const evaluate = await scope.sandbox.jsonataOf(text, host)
  return {
    isElse: false,
    async: true,
    passes: async (_, message, run) => {
      const parts = partsOf(message)
      return (await evaluate(message, run, parts === undefined ? {} : { I: parts.index, N: parts.count })) === true
    },
  }
}

/** head, tail and index look at the message's place in its sequence instead of the property. */
function inSequence(rule: SwitchRule): Compare {
  return (message: Message, b: unknown, c: unknown) => {
    const parts = partsOf(message)
    if (parts === undefined) throw fault('step.config', { message: 'The message belongs to no sequence (msg.parts), so its place in it cannot be tested.' })
    if (rule.t === 'head') return parts.index < Number(b)
    if (rule.t === 'tail') return (parts.count ?? Number.NaN) - Number(b) <= parts.index
    return Number(b) <= parts.index && parts.index <= Number(c)
  }
}

/** `msg.parts` of a message that belongs to a sequence. */
export interface Parts {
  readonly id: string
  readonly index: number
  readonly count?: number
  readonly [more: string]: unknown
}

export function partsOf(message: Message): Parts | undefined {
  const parts = message.parts as Partial<Parts> | undefined
  return typeof parts === 'object' && parts !== null && parts.id !== undefined && typeof parts.index === 'number' ? (parts as Parts) : undefined
}
