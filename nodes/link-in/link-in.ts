import { defineNode } from '../../runtime/core/node.ts'

export interface LinkInConfig {
  readonly links: readonly string[]
}

/** The far end of a link: where link out and link call nodes lead. The compiler resolves it. */
export const linkIn = defineNode<LinkInConfig, 'out'>({
  type: 'link in',
  category: 'link',
  label: { en: 'link in', 'zh-TW': '連結入口' },
  summary: { en: 'Takes messages from link out and link call nodes, on any tab.', 'zh-TW': '接收任何分頁上 link out 與 link call 節點的訊息。' },
  icon: 'link-out.svg',
  stockForm: 'common/60-link',
  inputs: 0,
  outputs: ['out'],
  config: {
    type: 'object',
    properties: {
      links: { type: 'array', items: { type: 'string' }, default: [], description: 'Ids of link out nodes that lead here.' },
    },
  },
  migrate: ({ links, ...rest }) => ({ ...rest, links: links ?? [] }),
})
