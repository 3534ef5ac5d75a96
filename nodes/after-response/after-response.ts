import { nothing, unchanged } from '../../runtime/core/labels/labels.ts'
import { defineNode } from '../../runtime/core/node.ts'
import type { RunOutcome } from '../../runtime/core/run.ts'

export interface AfterResponseConfig {
  readonly limitMs: number
}

/** Goes on when the caller has the answer, in a run of its own. */
export const afterResponse = defineNode<AfterResponseConfig, 'out'>({
  type: 'after response',
  category: 'route',
  label: { en: 'after response', 'zh-TW': '回應之後' },
  summary: { en: 'Goes on when the caller has the answer, with a time of its own; it cannot change the answer.', 'zh-TW': '呼叫端收到回應後才繼續，有自己的時限，且不能更動回應。' },
  icon: 'fa-share-square-o',
  color: '#C7E0D4',
  outputs: ['out'],
  labels: unchanged,
  leaks: nothing,
  apart: true,
  config: {
    type: 'object',
    properties: {
      limitMs: { type: 'integer', minimum: 1, maximum: 3_600_000, default: 30_000, title: 'Time (ms)', description: 'How long what stands behind may take, from when it begins.', 'x-form': { 'zh-TW': { title: '時限（毫秒）', description: '其後的步驟從開始起可用的時間。' } } },
    },
  },
  compile: ({ limitMs }, scope) =>
    function afterResponse(message, run) {
      const begin = (outcome: RunOutcome | undefined) => scope.runApart?.(run, { port: 'out', message: { ...message, answer: toAnswer(outcome) }, limitMs, asBranch: false })
      if (run.afterAnswer) run.afterAnswer(begin)
      else begin(undefined)
      return undefined
    },
})

/** What the caller was told, for whoever writes it down: a reply as it was, a fault by its code. */
function toAnswer(outcome: RunOutcome | undefined): Readonly<Record<string, unknown>> {
  if (outcome?.kind === 'reply') return { statusCode: outcome.message.statusCode ?? 200, payload: outcome.message.payload }
  if (outcome?.kind === 'fault') return { statusCode: outcome.fault.status, fault: outcome.fault.code }
  return {}
}
