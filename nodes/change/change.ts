import type { Message } from '../../runtime/core/message.ts'
import { defineNode, type NodeProblem } from '../../runtime/core/node.ts'
import type { Run } from '../../runtime/core/run.ts'
import type { Step } from '../../runtime/core/step.ts'
import { checkTypedValue } from '../../runtime/core/values/typed-value.ts'
import { compileRule } from './apply.ts'
import { followRules } from './labels.ts'
import { type ChangeRule, migrateRules } from './rules.ts'

export interface ChangeConfig {
  readonly rules: readonly ChangeRule[]
}

/** Sets, changes, deletes and moves properties of the message and of contexts. */
export const change = defineNode<ChangeConfig, 'out'>({
  type: 'change',
  category: 'transform',
  label: { en: 'change', 'zh-TW': '變更' },
  summary: { en: 'Sets, replaces, deletes or moves message and context properties, rule by rule.', 'zh-TW': '依規則設定、取代、刪除或移動訊息與 context 的屬性。' },
  icon: 'swap.svg',
  stockForm: 'function/15-change',
  outputs: ['out'],
  labels: ({ rules }, input) => followRules(rules, input).message,
  leaks: ({ rules }, input) => followRules(rules, input).leaks,
  faults: ['step.config', 'expression.error', 'script.timeout'],
  config: {
    type: 'object',
    properties: {
      rules: {
        type: 'array',
        default: [],
        items: {
          type: 'object',
          properties: {
            t: { enum: ['set', 'change', 'delete', 'move'] },
            p: { type: 'string' },
            pt: { enum: ['msg', 'flow', 'global'] },
            tot: { type: 'string' },
            fromt: { type: 'string' },
          },
          required: ['t', 'p', 'pt'],
        },
        description: 'Applied in order.',
      },
    },
  },
  migrate: (config) => ({ ...config, rules: migrateRules(config) }),
  check(config) {
    return config.rules.flatMap((rule, index) => checkRule(rule).map((problem) => ({ ...problem, message: `Rule ${index + 1}: ${problem.message}` })))
  },
  async compile({ rules }, scope): Promise<Step<'out'>> {
    const applies = await Promise.all(rules.map((rule, at) => compileRule(rule, scope, scope.labels && followRules(rules.slice(0, at), scope.labels).message)))
    const applyFrom = (message: Message, run: Run, first: number): { out: Message } | Promise<{ out: Message }> => {
      let changed = message
      for (let i = first; i < applies.length; i += 1) {
        const after = applies[i]!(changed, run)
        if (after instanceof Promise) return after.then((later) => applyFrom(later, run, i + 1))
        changed = after
      }
      return { out: changed }
    }
    return function change(message, run) {
      return applyFrom(message, run, 0)
    }
  },
})

function checkRule(rule: ChangeRule): readonly NodeProblem[] {
  const problems = [checkTypedValue(rule.p, rule.pt, 'rules')]
  if (rule.t === 'set' || rule.t === 'change') problems.push(checkTypedValue(rule.to, rule.tot, 'rules'))
  if (rule.t === 'move') problems.push(['msg', 'flow', 'global'].includes(rule.tot) ? checkTypedValue(rule.to, rule.tot, 'rules') : badMove)
  if (rule.t === 'change') problems.push(checkTypedValue(rule.from, rule.fromt, 'rules'))
  return problems.filter((problem) => problem !== undefined)
}

const badMove: NodeProblem = { code: 'value.type', property: 'rules', message: 'A property can be moved to msg, flow or global only.', remedy: 'Choose where to move it.' }
