import { nothing, unchanged } from '../../runtime/core/labels/labels.ts'
import { defineNode } from '../../runtime/core/node.ts'
import { checkWatchedScope, toWatchedScope, watchedScopeSchema, type WatchedScope } from '../../runtime/core/watched-scope.ts'

export interface CatchConfig {
  readonly scope: WatchedScope
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
  labels: unchanged,
  leaks: nothing,
  config: {
    type: 'object',
    properties: {
      scope: watchedScopeSchema,
      uncaught: { type: 'boolean', default: false, description: 'Only faults that no other catch node took.' },
    },
  },
  migrate({ scope, uncaught, ...rest }) {
    return { ...rest, scope: toWatchedScope(scope), uncaught: uncaught === true || uncaught === 'true' }
  },
  check: ({ scope }) => checkWatchedScope(scope, 'catch', 'errors'),
  entry: ({ scope, uncaught }) => ({ on: 'fault', of: scope ?? 'flow', uncaught: scope === null && uncaught }),
})
