import type { Text } from '../runtime/core/node.ts'

/** Sentences of the page of data flows. */
export const dataFlowTexts = {
  dataFlows: { en: 'Data flows', 'zh-TW': '資料流' },
  dataFlowsIntro: { en: 'Which labelled data comes into which API, where it goes, and how it is protected before it leaves: as the live flows are drawn. The deploy of a flow that would let labelled data out in clear, without a release, is refused. No value is known here.', 'zh-TW': '哪些帶標籤的資料進入哪個 API、流向何處、離開前如何保護：依目前上線的流程圖得出。若流程會讓帶標籤的資料未經解除就以明文離開，部署會被拒絕。此處不含任何值。' },
  noDataFlows: { en: 'No flow that you may see takes labelled data. Labels are given in http in, http request and service callout nodes, and by x-label in schemas.', 'zh-TW': '您可檢視的流程都沒有帶標籤的資料。標籤於 http in、http request、服務呼叫節點設定，或於 schema 以 x-label 標示。' },
  dataLabel: { en: 'Label', 'zh-TW': '標籤' },
  comesInAt: { en: 'Comes in at', 'zh-TW': '進入處' },
  goesThrough: { en: 'Goes through', 'zh-TW': '經過' },
  isProtectedBy: { en: 'Protected by', 'zh-TW': '保護方式' },
  leavesIn: { en: 'Leaves in', 'zh-TW': '離開處' },
  inClearHere: { en: 'in clear', 'zh-TW': '明文' },
  protectedHere: { en: 'protected', 'zh-TW': '已保護' },
  asToken: { en: 'token', 'zh-TW': '代碼' },
  asMask: { en: 'mask', 'zh-TW': '遮罩' },
  asCipher: { en: 'encryption', 'zh-TW': '加密' },
  asReleased: { en: 'released', 'zh-TW': '已解除標籤' },
  asClear: { en: 'in clear', 'zh-TW': '明文' },
  releasedBecause: { en: 'Reason:', 'zh-TW': '理由：' },
  leavesNowhere: { en: 'It does not leave.', 'zh-TW': '不離開。' },
  protectedNowhere: { en: 'Not needed: it does not leave.', 'zh-TW': '不需要：不離開。' },
  toAnswer: { en: 'the answer', 'zh-TW': '回應' },
  toCallout: { en: 'a call to a service', 'zh-TW': '對服務的呼叫' },
  toLog: { en: 'a log', 'zh-TW': '日誌' },
  toCache: { en: 'a cache', 'zh-TW': '快取' },
  toQueue: { en: 'a queue', 'zh-TW': '佇列' },
  toStore: { en: 'a store', 'zh-TW': '儲存' },
  printPage: { en: 'Print', 'zh-TW': '列印' },
  dataFlowsOfRoutes: { en: 'Serves', 'zh-TW': '提供' },
} as const satisfies Readonly<Record<string, Text>>

/** What of a node carries the data out, as nodes say it in English; names of properties stand as they are. */
const carriers: Readonly<Record<string, string>> = {
  'the key': '鍵', 'the message': '訊息', 'the URL': 'URL', 'a header': '標頭', 'what is uploaded': '上傳的內容', 'what is shown': '顯示的內容', 'the value': '值',
  'the status': '狀態', 'the status under the node': '節點下方的狀態', 'the request, as it came': '原樣的請求', 'the record': '記錄', 'the progress of the job': '工作進度',
  'the name': '名稱', 'the detail': '細節', 'the data of the session': '工作階段的資料', 'the callback': '回呼', 'the body': '本文', 'the node context': '節點的 context',
  'the flow context': '流程的 context', 'the global context': '全域的 context',
}

export function sayCarrier(what: string, language: keyof Text): string {
  if (language === 'en') return what
  const named = /^the (header|fact) (.+)$/.exec(what)
  return carriers[what] ?? (named ? `${named[1] === 'header' ? '標頭' : '事實'} ${named[2]}` : what)
}
