import { defineNode } from '../../runtime/core/node.ts'

export interface LinkOutConfig {
  readonly mode: 'link' | 'return'
  readonly links: readonly string[]
}

/** Leads to link in nodes, or back to the link call that is open. The compiler resolves it. */
export const linkOut = defineNode<LinkOutConfig, never>({
  type: 'link out',
  category: 'link',
  label: { en: 'link out', 'zh-TW': '連結出口' },
  summary: { en: 'Sends messages to link in nodes, or back to the link call they came from.', 'zh-TW': '將訊息送往 link in 節點，或返回呼叫它的 link call。' },
  icon: 'link-out.svg',
  stockForm: 'common/60-link',
  outputs: [],
  faults: ['step.config'],
  config: {
    type: 'object',
    properties: {
      mode: { enum: ['link', 'return'], default: 'link' },
      links: { type: 'array', items: { type: 'string' }, default: [], description: 'Ids of link in nodes.' },
    },
  },
  migrate: ({ links, mode, ...rest }) => ({ ...rest, links: links ?? [], mode: mode || 'link' }),
  check(config) {
    if (config.mode === 'return' || config.links.length > 0) return []
    return [{ severity: 'warning', code: 'link.none', property: 'links', message: 'The link out node leads nowhere.', remedy: 'Choose a link in node, or return to the calling link node.' }]
  },
})
