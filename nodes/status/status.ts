import { defineNode } from '../../runtime/core/node.ts'

export interface StatusConfig {
  readonly scope: null | 'group' | readonly string[]
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
  config: {
    type: 'object',
    properties: {
      scope: {
        anyOf: [{ type: 'null' }, { const: 'group' }, { type: 'array', items: { type: 'string' } }],
        default: null,
        description: 'null: the whole flow; group: the group it lies in; or a list of node ids.',
      },
    },
  },
  migrate: ({ scope, ...rest }) => ({ ...rest, scope: scope === '' || scope === undefined ? null : scope }),
  check(config) {
    if (!Array.isArray(config.scope) || config.scope.length > 0) return []
    return [{ severity: 'warning', code: 'scope.empty', property: 'scope', message: 'The status node watches no node.', remedy: 'Choose the nodes whose status it is to take, or all nodes.' }]
  },
  entry: ({ scope }) => ({ on: 'status', of: scope ?? 'flow' }),
})
