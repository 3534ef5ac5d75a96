import { defineNode } from '../../runtime/core/node.ts'

export interface CatchConfig {
  readonly scope: null | 'group' | readonly string[]
  readonly uncaught: boolean
}

/** Takes faults of other nodes of its flow. */
export const catchNode = defineNode<CatchConfig, 'out'>({
  type: 'catch',
  category: 'fault',
  label: { en: 'catch', 'zh-TW': '捕捉錯誤' },
  summary: { en: 'Takes the faults of other nodes, so that the flow can answer them itself.', 'zh-TW': '捕捉其他節點的錯誤，讓流程自行處理並回應。' },
  icon: 'alert.svg',
  stockForm: 'common/25-catch',
  inputs: 0,
  outputs: ['out'],
  config: {
    type: 'object',
    properties: {
      scope: {
        anyOf: [{ type: 'null' }, { const: 'group' }, { type: 'array', items: { type: 'string' } }],
        default: null,
        description: 'null: the whole flow; group: the group it lies in; or a list of node ids.',
      },
      uncaught: { type: 'boolean', default: false, description: 'Only faults that no other catch node took.' },
    },
  },
  migrate({ scope, uncaught, ...rest }) {
    // The stock form leaves an empty list or an empty text where nothing was chosen.
    return { ...rest, scope: scope === '' || scope === undefined ? null : scope, uncaught: uncaught === true || uncaught === 'true' }
  },
  check(config) {
    if (!Array.isArray(config.scope) || config.scope.length > 0) return []
    return [{ severity: 'warning', code: 'scope.empty', property: 'scope', message: 'The catch node watches no node.', remedy: 'Choose the nodes whose errors it is to take, or all nodes.' }]
  },
  entry: ({ scope, uncaught }) => ({ on: 'fault', of: scope ?? 'flow', uncaught: scope === null && uncaught }),
})
