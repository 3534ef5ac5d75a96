import { fault } from '../../runtime/core/fault.ts'
import { compileLinear, type LinearRegex, replaceAllPlain } from '../../runtime/core/values/linear-regex.ts'
import type { LabelMap } from '../../runtime/core/labels/label-map.ts'
import type { Message } from '../../runtime/core/message.ts'
import type { Scope } from '../../runtime/core/node.ts'
import type { Run } from '../../runtime/core/run.ts'
import { compileTypedValue } from '../../runtime/core/values/typed-value.ts'
import { compileLetGo } from './let-go.ts'
import { type Place, toPlace } from './place.ts'
import type { ChangeRule } from './rules.ts'

/** A compiled rule: message in, message out; a promise only where JSONata had to wait. */
export type Apply = (message: Message, run: Run) => Message | Promise<Message>

/** Compiles a rule to one closure, so that nothing is looked up while messages pass. `labels`: what is known of the messages that come to it. */
export async function compileRule(rule: ChangeRule, scope: Scope, labels?: LabelMap): Promise<Apply> {
  const apply = await compilePlain(rule, scope)
  const letGo = labels && compileLetGo(rule, labels)
  return letGo ? (message, run) => apply(letGo(message), run) : apply
}

async function compilePlain(rule: ChangeRule, scope: Scope): Promise<Apply> {
  const place = toPlace(rule.pt, rule.p, scope.contexts)
  if (rule.t === 'delete') return (message) => place.delete(message)
  if (rule.t === 'move') return move(rule, place, toPlace(rule.tot, String(rule.to ?? ''), scope.contexts))

  const to = await compileTypedValue(rule.to, rule.tot, scope)
  const source = ['msg', 'flow', 'global'].includes(rule.tot) ? toPlace(rule.tot, String(rule.to ?? ''), scope.contexts) : undefined
  const write = rule.t === 'set' ? set(rule, place) : await change(rule, place, scope)
  if (to.constant) {
    const value = to.value
    return (message, run) => write(message, value, run)
  }
  if (to.async) {
    return (message, run) => {
      const value = to.evaluate(message, run)
      return value instanceof Promise ? value.then((later: unknown) => write(message, later, run)) : write(message, value, run)
    }
  }
  return (message, run) => (source !== undefined && !source.reachable(message) ? message : write(message, to.evaluate(message, run), run))
}

type Write = (message: Message, value: unknown, run: Run) => Message

function set(rule: ChangeRule, place: Place): Write {
  return (message, value, run) => {
    const after = place.set(message, value)
    if (after === undefined) run.log.warn({ property: rule.p }, 'the property cannot be set: its parent is no object or list')
    return after ?? message
  }
}

/** Node-RED moves within one scope by taking away first, unless the source lies below the target. */
function move(rule: ChangeRule, from: Place, target: Place): (message: Message) => Message {
  const to = String(rule.to ?? '')
  const setFirst = rule.tot !== rule.pt || (rule.p.includes(to) && rule.p !== to)
  return (message) => {
    if (!from.reachable(message)) return message
    const value = from.get(message)
    if (setFirst) return from.delete(target.set(message, value) ?? message)
    const without = from.delete(message)
    return target.set(without, value) ?? without
  }
}

/** What is looked for. `kind` decides how it meets numbers and booleans, as in Node-RED. */
interface Needle {
  readonly kind: 'str' | 'num' | 'bool' | 're'
  readonly value: unknown
  readonly regex?: LinearRegex
}

async function change(rule: ChangeRule, place: Place, scope: Scope): Promise<Write> {
  const needleOf = await compileNeedle(rule, scope)
  return (message, value, run) => {
    const current = place.get(message)
    const after = replaced(current, needleOf(message, run), value, rule.tot)
    return after === current ? message : (place.set(message, after) ?? message)
  }
}

async function compileNeedle(rule: ChangeRule, scope: Scope): Promise<(message: Message, run: Run) => Needle> {
  if (rule.fromt === 're') {
    const needle: Needle = { kind: 're', value: rule.from, regex: compileLinear(String(rule.from ?? '')) }
    return () => needle
  }
  if (['msg', 'flow', 'global', 'env'].includes(rule.fromt)) {
    const from = await compileTypedValue(rule.from, rule.fromt, scope)
    return (message, run) => toNeedle(from.evaluate(message, run))
  }
  const kind = rule.fromt === 'num' || rule.fromt === 'bool' ? rule.fromt : 'str'
  const needle: Needle = { kind, value: String(rule.from ?? '') }
  return () => needle
}

function toNeedle(value: unknown): Needle {
  if (typeof value === 'number') return { kind: 'num', value }
  if (typeof value === 'boolean') return { kind: 'bool', value }
  if (typeof value === 'string') return { kind: 'str', value }
  throw fault('step.config', { message: `The change node cannot look for a value of type ${value === null ? 'null' : typeof value}; it takes text, numbers and booleans.` })
}

function replaced(current: unknown, needle: Needle, by: unknown, type: string): unknown {
  if (typeof current === 'string') {
    if (needle.kind !== 're' && current === needle.value) return by
    const text = needle.regex ? needle.regex.replaceAll(current, String(by)) : typeof needle.value === 'string' ? replaceAllPlain(current, needle.value, String(by)) : current
    // “true” that came out of a replacement by a boolean is that boolean again.
    return type === 'bool' && text === String(by) ? by : text
  }
  if (typeof current === 'number' && needle.kind === 'num') return current === Number(needle.value) ? by : current
  if (typeof current === 'boolean' && needle.kind === 'bool') return String(current) === String(needle.value) ? by : current
  return current
}
