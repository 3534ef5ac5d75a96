import type { Agent, IncomingMessage } from 'node:http'
import { http } from '../../core/http/node-http.ts'
import { retryAfterMs } from '../../core/http/retry-after.ts'

/** Takes batches to a collector over OTLP/HTTP, on one connection that is kept. */
export interface SpanSender {
  /** Never rejects. @returns undefined when the batch is off our hands; else how long to wait before it is sent again, ms; 0: it says nothing of that */
  send(body: Buffer): Promise<number | undefined>
  close(): void
}

const answerMs = 10_000
/** Shorter than collectors keep a connection that is idle. */
const idleMs = 20_000
/** Who answers with one of these may take the same batch later (OTLP 1.x, "Retryable Response Codes"). */
const laterStatuses: ReadonlySet<number | undefined> = new Set([429, 502, 503, 504])

export function createSpanSender(url: string, headers: Readonly<Record<string, string>>): SpanSender {
  const client = new URL(url).protocol === 'https:' ? process.getBuiltinModule('node:https') : http
  const agent: Agent = new client.Agent({ keepAlive: true, maxSockets: 1, timeout: idleMs })

  return {
    send: (body) => new Promise<number | undefined>((resolve) => {
      const request = client.request(url, { agent, method: 'POST', headers: { ...headers, 'content-type': 'application/json', 'content-length': body.length } })
      const timer = setTimeout(() => request.destroy(new Error('the collector did not answer in time')), answerMs).unref()
      const settle = (again: number | undefined) => {
        clearTimeout(timer)
        resolve(again)
      }
      request.on('error', () => settle(0))
      request.on('response', (response: IncomingMessage) => {
        const again = laterStatuses.has(response.statusCode) ? (retryAfterMs(response.headers['retry-after'], Date.now()) ?? 0) : undefined
        response.on('error', () => settle(again)).on('end', () => settle(again)).resume()
      })
      request.end(body)
    }).catch(() => undefined), // a request that cannot even be made, such as for what a header may not hold
    close: () => agent.destroy(),
  }
}
