import { type Fault, fault } from '../../../runtime/core/fault.ts'
import type { Attempt, AttemptEnd } from '../../../runtime/core/jobs/jobs.ts'
import type { RunningWork } from '../../../runtime/core/work-run.ts'
import { statusOf, toStored } from '../caches/stored-answer.ts'

const keepRules = { limitBytes: 240_000, keepCookies: false }
/** Statuses of the caller's kind that time alone can mend. */
const worthAgain = new Set([408, 409, 425, 429])
/** Asking again changes nothing (RFC 9110 §15.6.2). */
const neverImplemented = 501
const notLiveMs = 1000

/**
 * What the run of an attempt comes to. An answer from 500 on and every fault but those that are the caller's are worth another
 * attempt; a run that the stop of its gateway cut short did not count.
 */
export async function toAttemptEnd(running: RunningWork | undefined, attempt: Attempt): Promise<AttemptEnd> {
  if (!running) return { kind: 'again', afterMs: notLiveMs }
  const stopListening = attempt.onCancel(() => running.abort(fault('job.cancelled')))
  const { outcome, end } = await running.ended
  stopListening()
  if (outcome.kind === 'reply') {
    const result = toStored(outcome.message, keepRules)
    if (result === undefined) return { ...failedBy(fault('job.too_large', { what: 'result', bytes: `more than ${keepRules.limitBytes}`, limitBytes: keepRules.limitBytes })), final: true }
    const status = statusOf(outcome.message)
    return status < 500 ? { kind: 'done', result } : { ...failedBy(fault('job.status', { status })), result }
  }
  const failed = outcome.kind === 'fault' ? outcome.fault : end.fault
  if (!failed) return { kind: 'done' }
  if (failed.code === 'gateway.draining') return { kind: 'again', afterMs: 0 }
  const { status } = failed
  return { ...failedBy(failed), final: status === neverImplemented || (status >= 400 && status < 500 && !worthAgain.has(status)) }
}

/** What a job keeps of a fault lies in clear beside what it was given, and operators read it. */
function failedBy({ code, title, message, quiet }: Fault) {
  return { kind: 'failed', code, message: quiet ? title : message } as const
}
