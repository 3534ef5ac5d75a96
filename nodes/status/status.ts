import { nothing, unchanged } from '../../runtime/core/labels/labels.ts'
import { defineNode } from '../../runtime/core/node.ts'
import { checkWatchedScope, toWatchedScope, watchedScopeSchema, type WatchedScope } from '../../runtime/core/watched-scope.ts'

export interface StatusConfig {
  readonly scope: WatchedScope
}

/** Takes the statuses that other nodes show. */
export const status = defineNode<StatusConfig, 'out'>({
  type: 'status',
  category: 'fault',
  label: { en: 'status', 'zh-TW': '狀態' },
  summary: { en: 'Sends a message whenever another node of the flow shows a status.', 'zh-TW': '當流程中其他節點更新狀態時送出訊息。' },
  icon: 'status.svg',
  stockForm: 'common/25-status',
  inputs: 0,
  outputs: ['out'],
  labels: unchanged,
  leaks: nothing,
  config: {
    type: 'object',
    properties: {
      scope: watchedScopeSchema,
    },
  },
  migrate: ({ scope, ...rest }) => ({ ...rest, scope: toWatchedScope(scope) }),
  check: ({ scope }) => checkWatchedScope(scope, 'status', 'status'),
  entry: ({ scope }) => ({ on: 'status', of: scope ?? 'flow' }),
})
