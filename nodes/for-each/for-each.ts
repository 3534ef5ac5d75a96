import { fault } from '../../runtime/core/fault.ts'
import { resolve } from '../../runtime/core/body.ts'
import { every } from '../../runtime/core/labels/label-path.ts'
import { labelsOfValue } from '../../runtime/core/labels/of-value.ts'
import { defineNode, type NodeProblem } from '../../runtime/core/node.ts'
import { SentTo } from '../../runtime/core/step.ts'
import { checkTypedValue, compileTypedValue } from '../../runtime/core/typed-value.ts'
import { type Warning, degrade, withWarnings } from '../degraded.ts'
import { type ItemOutcome, type ItemRule, goThrough } from './go-through.ts'

export interface ForEachConfig extends ItemRule {
  readonly items: string
  readonly itemsType: 'msg' | 'jsonata' | 'json'
  readonly onError: 'fail' | 'skip' | 'collect'
  readonly maxItems: number
}

type Port = 'item' | 'done'
const done = 1

/** Goes through a list: each item is a branch of its own, so many at once, and the results keep the order. */
export const forEach = defineNode<ForEachConfig, Port>({
  type: 'for each',
  category: 'route',
  label: { en: 'for each', 'zh-TW': '逐項處理' },
  summary: { en: 'Does the same for each item of a list, several at once, and goes on with the results in order.', 'zh-TW': '對清單的每一項執行相同步驟，可同時多項，並依序收集結果。' },
  icon: 'fa-list-ol',
  color: '#C7E0D4',
  outputs: ['item', 'done'],
  opens: () => [{ port: 'item', mustReturn: true }],
  labels({ items, itemsType }, input, { returned, inside }) {
    const list = labelsOfValue(items, itemsType, input)
    return {
      item: input.put(['payload'], list.at([every])).without(['item']),
      done: input.put(['payload'], returned('item').at(['payload']).under([every])).put(['errors'], inside.anywhere),
    }
  },
  faults: ['each.input', 'each.too_many', 'branch.timeout', 'flow.nested', 'expression.error'],
  config: {
    type: 'object',
    properties: {
      items: { type: 'string', default: 'payload', title: 'List', description: 'A list of the message, or an expression that gives one.', 'x-form': { 'zh-TW': { title: '清單', description: '訊息中的清單，或產生清單的運算式。' } } },
      itemsType: { enum: ['msg', 'jsonata', 'json'], default: 'msg' },
      parallel: { type: 'integer', minimum: 1, maximum: 32, default: 1, title: 'At once', description: 'How many items are under way together.', 'x-form': { 'zh-TW': { title: '同時數', description: '同時進行的項目數。' } } },
      onError: {
        enum: ['fail', 'skip', 'collect'], default: 'fail', title: 'If an item fails', description: 'fail: the node fails, the others are cancelled; skip: it is left out; collect: null stands in its place, msg.errors lists it.',
        'x-form': { 'zh-TW': { title: '項目失敗時', description: '整體失敗：取消其他項目；略過：不列入結果；收集：以 null 代替並列於 msg.errors。', choices: { fail: '整體失敗', skip: '略過', collect: '收集' } } },
      },
      maxItems: { type: 'integer', minimum: 1, maximum: 100_000, default: 1000, title: 'Most items', description: 'A longer list is refused with 422.', 'x-form': { 'zh-TW': { title: '項目上限', description: '更長的清單以 422 拒絕。' } } },
      timeoutMs: { type: 'integer', minimum: 0, default: 0, title: 'Timeout (ms)', description: 'For each item. 0: as long as the run has.', 'x-form': { 'zh-TW': { title: '逾時（毫秒）', description: '每個項目的時限。0：直到執行期限。' } } },
    },
  },
  check({ items, itemsType }) {
    return [checkTypedValue(items, itemsType, 'items')].filter((problem): problem is NodeProblem => problem !== undefined)
  },
  async compile(config, scope) {
    const items = await compileTypedValue(config.items, config.itemsType, scope)
    const part = scope.node.name ?? scope.node.type

    return function forEach(message, run) {
      const branches = scope.branches?.(run)
      if (!branches) throw fault('step.config', { message: 'Branches cannot be opened here.' })

      function begin(given: unknown): Promise<SentTo | undefined> {
        const list = resolve(given)
        if (!Array.isArray(list)) throw fault('each.input', { is: list === undefined ? 'nothing' : list === null ? 'null' : `a ${typeof list}`.replace('a object', 'an object') })
        if (list.length > config.maxItems) throw fault('each.too_many', { count: list.length, limit: config.maxItems })
        return new Promise((resolve, reject) => {
          const rule = { ...config, stopAtFault: config.onError === 'fail' }
          goThrough({ list, rule, branches: branches as NonNullable<typeof branches>, clock: scope.clock, toMessage: (payload, index) => ({ ...message, payload, item: { index, count: list.length } }) }, run, (outcome) => {
            if (outcome === undefined) return resolve(undefined)
            if (!isList(outcome)) return reject(outcome)
            if (run.replied && outcome.length > 0 && outcome.every((one) => one === undefined)) return resolve(undefined)
            resolve(collect(outcome))
          })
        })
      }

      function collect(outcomes: readonly ItemOutcome[]): SentTo {
        const payload: unknown[] = []
        const errors: object[] = []
        const warnings: Warning[] = []
        for (const [index, outcome] of outcomes.entries()) {
          if (outcome && 'value' in outcome) payload.push(outcome.value)
          else if (config.onError === 'collect') payload.push(null)
          if (!outcome || 'value' in outcome) continue
          const { code, status, title, message: text, facts } = outcome.fault
          if (config.onError === 'collect') errors.push({ index, code, status, title, message: text, facts })
          else warnings.push(degrade(run, `${part} ${index}`, outcome.fault, 'nothing'))
        }
        return new SentTo(done, withWarnings({ ...message, payload, ...(config.onError === 'collect' ? { errors } : {}) }, warnings))
      }

      const given = items.evaluate(message, run)
      return given instanceof Promise ? given.then(begin) : begin(given)
    }
  },
})

function isList<T>(outcome: readonly T[] | object): outcome is readonly T[] {
  return Array.isArray(outcome)
}
