import { isHeaderName } from '../../runtime/core/http/header-name.ts'
import type { Message } from '../../runtime/core/message.ts'
import { defineNode } from '../../runtime/core/node.ts'
import type { Step } from '../../runtime/core/step.ts'
import { areUntouchedUpstreamHeaders } from '../../runtime/core/http/upstream-headers.ts'

export interface HttpResponseConfig {
  /** Absent: the message's, else 200. */
  readonly statusCode?: number
  readonly headers: Readonly<Record<string, string>>
}

/** Answers the caller of the run. */
export const httpResponse = defineNode<HttpResponseConfig, never>({
  type: 'http response',
  category: 'reply',
  label: { en: 'http response', 'zh-TW': 'HTTP 回應' },
  summary: { en: 'Answers the HTTP request that started the run.', 'zh-TW': '回應啟動本次執行的 HTTP 請求。' },
  icon: 'white-globe.svg',
  stockForm: 'network/21-httpin',
  outputs: [],
  replies: true,
  leaks: (_config, input) => ['payload', 'headers', 'cookies', 'statusCode'].map((what) => ({ to: 'answer', what, labels: input.at([what]) })),
  faults: ['flow.already_replied'],
  config: {
    type: 'object',
    properties: {
      statusCode: { type: 'integer', minimum: 200, maximum: 599, description: 'Wins over msg.statusCode; default 200.' },
      headers: { type: 'object', additionalProperties: { type: 'string' }, default: {}, description: 'Win over msg.headers.' },
    },
  },
  migrate(config) {
    const { statusCode, headers, ...rest } = config
    const migrated: Record<string, unknown> = { ...rest }
    const status = Number.parseInt(String(statusCode ?? ''), 10)
    if (!Number.isNaN(status) && status !== 0) migrated.statusCode = status
    else if (statusCode !== undefined && statusCode !== null && statusCode !== '' && statusCode !== 0 && statusCode !== '0') migrated.statusCode = statusCode
    if (typeof headers === 'object' && headers !== null && !Array.isArray(headers)) {
      migrated.headers = Object.fromEntries(Object.entries(headers).filter(([name]) => name !== '').map(([name, value]) => [name, typeof value === 'number' ? String(value) : value]))
    }
    return migrated
  },
  check(config) {
    return Object.keys(config.headers)
      .filter((name) => !isHeaderName(name))
      .map((name) => ({ code: 'header.name', property: 'headers', message: `“${name}” is not a header name.`, remedy: 'Use letters, digits and hyphens.' }))
  },
  compile({ statusCode, headers }) {
    const ownNames = new Set(Object.keys(headers).map((name) => name.toLowerCase()))
    if (statusCode === undefined && ownNames.size === 0) return answer
    return function httpResponse(message, run) {
      const reply = replyOf(message, statusCode ?? toStatus(message.statusCode))
      if (ownNames.size > 0) reply.headers = { ...without(reply.headers, ownNames), ...headers }
      run.reply(reply as Message)
      return undefined
    }
  },
})

/** What nearly every one does. One step for all of them: with many routes in turn it is there already, where an own one is waited for. */
const answer: Step = (message, run) => {
  run.reply(replyOf(message, toStatus(message.statusCode)))
  return undefined
}

/** Headers that merely came along with an upstream's answer are not meant for the caller. */
function replyOf(message: Message, statusCode: number): Record<string, unknown> {
  const reply: Record<string, unknown> = { ...message, statusCode }
  if (areUntouchedUpstreamHeaders(message.headers)) delete reply.headers
  return reply
}

/** Node-RED's reading of `msg.statusCode`: what is no number is 200. */
function toStatus(given: unknown): number {
  if (given === undefined || typeof given === 'number') return given || 200
  return Number.parseInt(String(given), 10) || 200
}

/** The message's headers that the node does not set itself, whatever their case. */
function without(headers: unknown, names: ReadonlySet<string>): Record<string, unknown> {
  if (typeof headers !== 'object' || headers === null) return {}
  return Object.fromEntries(Object.entries(headers).filter(([name]) => !names.has(name.toLowerCase())))
}
