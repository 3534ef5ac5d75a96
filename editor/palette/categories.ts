import type { Category, Text } from '../../runtime/core/node.ts'

/** Palette categories in their order, with the names people see. */
export const categories: Readonly<Record<Category, Text>> = {
  entry: { en: 'entry', 'zh-TW': '入口' },
  reply: { en: 'reply', 'zh-TW': '回覆' },
  protect: { en: 'protect', 'zh-TW': '保護' },
  callout: { en: 'callout', 'zh-TW': '呼叫外部服務' },
  transform: { en: 'transform', 'zh-TW': '轉換' },
  route: { en: 'route', 'zh-TW': '分流' },
  sequence: { en: 'sequence', 'zh-TW': '序列' },
  script: { en: 'script', 'zh-TW': '程式' },
  fault: { en: 'faults and states', 'zh-TW': '錯誤與狀態' },
  link: { en: 'link', 'zh-TW': '連接' },
  debug: { en: 'debug and notes', 'zh-TW': '偵錯與註解' },
}
