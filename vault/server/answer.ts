import type { ServerResponse } from 'node:http'
import { Fault, fault } from '../../runtime/core/fault.ts'
import type { Log } from '../../runtime/core/log.ts'
import { Refused } from '../refused.ts'

/** What goes back; a body of `undefined` is none. */
export interface Answer {
  readonly status: number
  readonly body?: unknown
  readonly type?: string
  readonly headers?: Readonly<Record<string, string>>
}

export function give(response: ServerResponse, { status, body, type = 'application/json', headers }: Answer): void {
  if (response.headersSent || response.destroyed) return
  const text = body === undefined ? '' : JSON.stringify(body)
  response.writeHead(status, {
    ...(body === undefined ? {} : { 'Content-Type': type }),
    ...(status === 204 ? {} : { 'Content-Length': Buffer.byteLength(text) }),
    'Cache-Control': 'no-store',
    ...headers,
  })
  response.end(text)
}

/**
 * A problem document (RFC 9457) of whatever was thrown. A fault and a refusal say their sentences, which hold no value; anything else is
 * “the vault is not available”, because texts of other errors quote what they failed on.
 */
export function toProblem(thrown: unknown, log: Log): Answer {
  if (thrown instanceof Refused) return problem(thrown.status, thrown.code, thrown.message, thrown.facts)
  if (thrown instanceof Fault) return problem(thrown.status, thrown.code, thrown.message, thrown.facts, thrown.headers)
  const error = thrown instanceof Error ? thrown : new Error('something was thrown that is no error')
  // Where it happened, and no text of it: what a database says of a row may hold the row.
  log.error({ error: error.name, code: (error as NodeJS.ErrnoException).code, at: (error.stack ?? '').split('\n').filter((line) => /^\s+at /.test(line)).slice(0, 8) }, 'a request could not be answered')
  const away = fault('vault.unavailable')
  return problem(away.status, away.code, away.message)
}

export function problem(status: number, code: string, detail: string, facts: Readonly<Record<string, unknown>> = {}, headers?: Readonly<Record<string, string>>): Answer {
  const shown = Object.fromEntries(Object.entries(facts).filter(([, value]) => typeof value === 'string' || typeof value === 'number'))
  return { status, type: 'application/problem+json', body: { status, code, detail, ...(Object.keys(shown).length > 0 ? { facts: shown } : {}) }, ...(headers ? { headers } : {}) }
}
