import type { Fault } from '../core/fault.ts'
import type { Reply } from './to-reply.ts'

const members = new Set(['type', 'title', 'status', 'code', 'detail', 'instance', 'run'])

/**
 * A fault as problem document (RFC 9457). From status 500 on the caller learns the code, the run id and the id of the
 * decision that refused the call, and nothing else: texts and facts stay in the log.
 */
export function faultReply(fault: Fault, run: string, instance: string): Reply {
  const { code, title } = fault
  const status = fault.status >= 400 && fault.status <= 599 ? fault.status : 500
  const problem: Record<string, unknown> = { type: `urn:sluice:fault:${code}`, title, status, code }
  if (status < 500) problem['detail'] = fault.quiet ? title : fault.message
  problem['instance'] = instance
  problem['run'] = run
  const { decision } = fault.facts
  if (typeof decision === 'string') problem['decision'] = decision
  if (status < 500 && !fault.quiet) {
    for (const [name, value] of Object.entries(fault.facts)) if (!members.has(name)) problem[name] = value
  }
  const headers = ['Content-Type', 'application/problem+json; charset=utf-8', 'Cache-Control', 'no-store']
  for (const [name, value] of Object.entries(fault.headers ?? {})) headers.push(name, value)
  return { status, headers, body: toText(problem) }
}

/** Facts are plain data by contract; one that is not must not cost the caller the answer. */
function toText(problem: Record<string, unknown>): string {
  try {
    return JSON.stringify(problem)
  } catch {
    const { type, title, status, code, instance, run } = problem
    return JSON.stringify({ type, title, status, code, instance, run })
  }
}
