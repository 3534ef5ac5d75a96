import { defineNode } from '../../runtime/core/node.ts'

export interface LinkCallConfig {
  readonly linkType: 'static' | 'dynamic'
  readonly links: readonly string[]
  /** Seconds until the call fails. */
  readonly timeout: number
}

/** Calls the flow behind a link in node and goes on with what it returns. The compiler resolves it. */
export const linkCall = defineNode<LinkCallConfig, 'out'>({
  type: 'link call',
  category: 'link',
  label: { en: 'link call', 'zh-TW': '連結呼叫' },
  summary: { en: 'Calls the flow behind a link in node and goes on with what it returns.', 'zh-TW': '呼叫 link in 節點之後的流程，並以其返回的訊息繼續。' },
  icon: 'link-call.svg',
  stockForm: 'common/60-link',
  outputs: ['out'],
  faults: ['flow.no_return', 'flow.target_missing'],
  config: {
    type: 'object',
    properties: {
      linkType: { enum: ['static', 'dynamic'], default: 'static' },
      links: { type: 'array', items: { type: 'string' }, default: [], description: 'Id of the link in node (static).' },
      timeout: { type: 'number', exclusiveMinimum: 0, default: 30, description: 'Seconds until the call fails.' },
    },
  },
  migrate({ links, linkType, timeout, ...rest }) {
    const seconds = Number.parseFloat(String(timeout ?? ''))
    return {
      ...rest,
      links: typeof links === 'string' ? [links] : (links ?? []),
      linkType: linkType || 'static',
      timeout: Number.isNaN(seconds) ? 30 : seconds, // as in Node-RED: what is no number is 30
    }
  },
  check(config) {
    if (config.linkType === 'dynamic' || config.links.length > 0) return []
    return [{ code: 'link.none', property: 'links', message: 'The link call node calls nothing.', remedy: 'Choose a link in node, or let msg.target name it.' }]
  },
})
