import { fault } from '../../core/fault.ts'
import type { JobFacts } from '../../core/jobs/jobs.ts'

type Reason = NonNullable<JobFacts['reason']>

/** Why an attempt failed, as a job keeps it. */
export function reasonOf(error: unknown): string {
  const { code = 'step.error', message } = error as Partial<Reason> & { readonly message: string }
  return JSON.stringify({ code, message } satisfies Reason)
}

/** What {@link reasonOf} wrote; any other text is the message of a reason without a name. */
export function toReason(text: string): Reason {
  try {
    const { code, message } = JSON.parse(text) as Reason
    return { code, message }
  } catch {
    return { code: 'step.error', message: text }
  }
}

/** How often a job may be under way in a gateway that dies before it is given up. */
export const mostCrashes = 5

/** Why a job was given up. */
export function crashed(): string {
  return reasonOf(fault('job.crashed', { times: mostCrashes }))
}
