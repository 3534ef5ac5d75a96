import { defineNode } from '../../runtime/core/node.ts'

export interface CommentConfig {
  readonly info?: string
}

/** A note on the canvas. It is compiled away. */
export const comment = defineNode<CommentConfig, never>({
  type: 'comment',
  category: 'debug',
  label: { en: 'comment', 'zh-TW': '註解' },
  summary: { en: 'A note on the canvas. It does nothing.', 'zh-TW': '畫布上的註解，不執行任何動作。' },
  icon: 'comment.svg',
  stockForm: 'common/90-comment',
  inputs: 0,
  outputs: [],
  config: { type: 'object', properties: { info: { type: 'string', description: 'Text, in Markdown.' } } },
})
