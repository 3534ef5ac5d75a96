import { nothing, unchanged } from '../../runtime/core/labels/labels.ts'
import { defineNode } from '../../runtime/core/node.ts'
import { checkWatchedScope } from '../../runtime/core/watched-scope.ts'

export interface CompleteConfig {
  readonly scope: readonly string[]
}

/** Wakes when one of the nodes it names has finished with a message. */
export const complete = defineNode<CompleteConfig, 'out'>({
  type: 'complete',
  category: 'fault',
  label: { en: 'complete', 'zh-TW': '完成' },
  summary: { en: 'Sends the message on when one of the chosen nodes has finished with it.', 'zh-TW': '當所選節點處理完訊息後送出該訊息。' },
  icon: 'alert.svg',
  stockForm: 'common/24-complete',
  inputs: 0,
  outputs: ['out'],
  labels: unchanged,
  leaks: nothing,
  config: {
    type: 'object',
    properties: {
      scope: { type: 'array', items: { type: 'string' }, default: [], description: 'Ids of the nodes.' },
    },
  },
  migrate: ({ scope, ...rest }) => ({ ...rest, scope: scope === null || scope === '' ? [] : scope }),
  check: ({ scope }) => checkWatchedScope(scope, 'complete', 'completion', false),
  entry: ({ scope }) => ({ on: 'complete', of: scope }),
})
