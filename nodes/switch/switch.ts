import { fault } from '../../runtime/core/fault.ts'
import { nothing, unchanged } from '../../runtime/core/labels/labels.ts'
import type { Message } from '../../runtime/core/message.ts'
import { defineNode, type NodeProblem } from '../../runtime/core/node.ts'
import type { Run } from '../../runtime/core/run.ts'
import { SentTo, type Sends, type Step } from '../../runtime/core/step.ts'
import { checkTypedValue, compileTypedValue } from '../../runtime/core/values/typed-value.ts'
import { checkLinear } from '../../runtime/core/values/linear-regex.ts'
import { compileTest, type Memory, partsOf } from './compile.ts'
import { hasValue, migrateRule, operators, type SwitchRule } from './rules.ts'

export interface SwitchConfig {
  readonly property: string
  readonly propertyType: 'msg' | 'flow' | 'global' | 'jsonata' | 'env'
  readonly rules: readonly SwitchRule[]
  /** `false`: stop at the first rule that fits. */
  readonly checkall: 'true' | 'false'
  /** Give each output a sequence of its own. */
  readonly repair: boolean
  readonly outputs: number
}

/** Messages of one sequence that a run may hold while its length is not known. */
const heldLimit = 10_000

/** Sends a message to the outputs whose rules fit. Outputs are named by index. */
export const switchNode = defineNode<SwitchConfig>({
  type: 'switch',
  category: 'route',
  label: { en: 'switch', 'zh-TW': '分流' },
  summary: { en: 'Routes a message by rules on one of its properties.', 'zh-TW': '依屬性規則將訊息送往不同輸出。' },
  icon: 'switch.svg',
  stockForm: 'function/10-switch',
  chooses: true,
  outputs: (config) => Array.from({ length: config.rules.length }, (_, index) => String(index)),
  labels: unchanged,
  leaks: nothing,
  faults: ['step.config', 'expression.error', 'flow.sequence_too_large'],
  config: {
    type: 'object',
    properties: {
      property: { type: 'string', default: 'payload' },
      propertyType: { enum: ['msg', 'flow', 'global', 'jsonata', 'env'], default: 'msg' },
      rules: {
        type: 'array',
        default: [],
        items: {
          type: 'object',
          properties: { t: { enum: operators }, vt: { type: 'string' }, v2t: { type: 'string' }, case: { type: 'boolean' } },
          required: ['t'],
        },
        description: 'One output each.',
      },
      checkall: { enum: ['true', 'false'], default: 'true', description: 'true: every rule is tried; false: stop at the first that fits.' },
      repair: { type: 'boolean', default: false, description: 'Number the messages of a sequence anew at each output.' },
      outputs: { type: 'integer', minimum: 0, default: 1 },
    },
  },
  migrate({ rules, checkall, repair, outputs, propertyType, ...rest }) {
    return {
      ...rest,
      propertyType: propertyType || 'msg',
      rules: Array.isArray(rules) ? rules.map(migrateRule) : (rules ?? []),
      checkall: checkall === undefined || checkall === '' ? 'true' : String(checkall),
      repair: repair === true || repair === 'true',
      outputs: Number(outputs ?? 1),
    }
  },
  check(config) {
    const ofProperty = checkTypedValue(config.property, config.propertyType, 'property')
    return [...(ofProperty ? [ofProperty] : []), ...config.rules.flatMap((rule, index) => checkRule(rule).map((problem) => ({ ...problem, message: `Rule ${index + 1}: ${problem.message}` })))]
  },
  async compile(config, scope): Promise<Step> {
    const memory: Memory = { previous: null }
    const property = await compileTypedValue(config.property, config.propertyType, scope)
    const tests = await Promise.all(config.rules.map((rule) => compileTest(rule, memory, scope)))
    const stopAtFirst = config.checkall === 'false'

    const routeNow = (message: Message, run: Run): number[] => {
      const value = property.evaluate(message, run)
      const ports: number[] = []
      let none = true // so far, since the last else
      for (let i = 0; i < tests.length; i += 1) {
        const test = tests[i]!
        const fits = test.isElse ? none : (test.passes(value, message, run) as boolean)
        if (test.isElse) none = true
        if (!fits) continue
        ports.push(i)
        none = false
        if (stopAtFirst) break
      }
      memory.previous = value
      return ports
    }
    const routeLater = async (message: Message, run: Run): Promise<number[]> => {
      const value = await property.evaluate(message, run)
      const ports: number[] = []
      let none = true
      for (const [i, test] of tests.entries()) {
        const fits = test.isElse ? none : await test.passes(value, message, run)
        if (test.isElse) none = true
        if (!fits) continue
        ports.push(i)
        none = false
        if (stopAtFirst) break
      }
      memory.previous = value
      return ports
    }
    const isAsync = property.async || tests.some((test) => test.async)
    const send = (message: Message, ports: readonly number[]) => {
      if (ports.length === 1) return new SentTo(ports[0] as number, message)
      const sends: Record<string, Message> = {}
      for (const port of ports) sends[port] = message
      return sends
    }

    // Only a rule on the tail, or new numbering, must know the whole sequence first.
    if (config.repair || config.rules.some((rule) => rule.t === 'tail')) {
      const key = {}
      return function switchSequence(message, run) {
        if (partsOf(message) === undefined) return isAsync ? routeLater(message, run).then((ports) => send(message, ports)) : send(message, routeNow(message, run))
        const sequence = collect(message, run, key)
        if (sequence === undefined) return undefined
        const finish = (routes: readonly (readonly number[])[]) => (config.repair ? renumber(sequence, routes) : gather(sequence, routes))
        if (!isAsync) return finish(sequence.map((part) => routeNow(part, run)))
        return (async () => {
          const routes: number[][] = []
          for (const part of sequence) routes.push(await routeLater(part, run))
          return finish(routes)
        })()
      }
    }
    if (isAsync) return async (message, run) => send(message, await routeLater(message, run))
    return function switchNode(message, run) {
      return send(message, routeNow(message, run))
    }
  },
})

/** Holds a message in its run until its sequence is whole; gives the sequence then. */
function collect(message: Message, run: Run, key: object): readonly Message[] | undefined {
  const parts = partsOf(message)!
  const pending = run.state(key, () => ({ held: 0, groups: new Map<string, { count: number | undefined; messages: Message[] }>() }))
  let group = pending.groups.get(parts.id)
  if (group === undefined) pending.groups.set(parts.id, (group = { count: undefined, messages: [] }))
  group.messages.push(message)
  pending.held += 1
  if (pending.held > heldLimit) {
    pending.groups.clear()
    pending.held = 0
    throw fault('flow.sequence_too_large', { limit: heldLimit })
  }
  group.count = parts.count ?? group.count
  if (group.messages.length !== group.count) return undefined
  pending.groups.delete(parts.id)
  pending.held -= group.messages.length
  const { count, messages } = group
  return messages.map((part) => (partsOf(part)!.count === count ? part : { ...part, parts: { ...partsOf(part), count } }))
}

function gather(sequence: readonly Message[], routes: readonly (readonly number[])[]): Sends {
  const sends: Record<string, Message[]> = {}
  sequence.forEach((message, i) => {
    for (const port of routes[i] ?? []) (sends[port] ??= []).push(message)
  })
  return sends
}

/** Each output gets a sequence of its own: new id, index and count. */
function renumber(sequence: readonly Message[], routes: readonly (readonly number[])[]): Sends {
  const sends = gather(sequence, routes) as Record<string, Message[]>
  for (const [port, messages] of Object.entries(sends)) {
    const id = crypto.randomUUID()
    sends[port] = messages.map((message, index) => ({ ...message, parts: { ...partsOf(message), id, index, count: messages.length } }))
  }
  return sends
}

function checkRule(rule: SwitchRule): readonly NodeProblem[] {
  if (!hasValue(rule)) return []
  const problems = [check(rule.v, rule.vt)]
  if (rule.t === 'btwn' || rule.t === 'index') problems.push(check(rule.v2, rule.v2t ?? 'str'))
  if (rule.t === 'regex' && rule.vt === 'str') problems.push(checkLinear(String(rule.v ?? ''), rule.case === true ? 'i' : '', 'rules'))
  return problems.filter((problem) => problem !== undefined)
}

function check(value: unknown, type: string): NodeProblem | undefined {
  return type === 'prev' ? undefined : checkTypedValue(value, type, 'rules')
}
