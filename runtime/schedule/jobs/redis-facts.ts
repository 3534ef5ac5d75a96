import type { Job, JobType } from 'bullmq'
import type { JobFacts, JobProgress, JobState } from '../../core/jobs/jobs.ts'
import { type Priority, priorities } from '../../core/lines/priority.ts'
import { crashed, toReason } from './reason.ts'

/** What a job says in Redis beside what BullMQ keeps itself. Only `s` may hold what a caller sent, and is encrypted. */
export interface Kept {
  readonly f: string
  readonly n: string
  readonly p?: string
  readonly r: string
  readonly o: string
  readonly s: string
  readonly expires: number
  readonly ttl: number
  readonly keep: number
  readonly back: readonly [firstMs: number, mostMs: number]
  /** Gateway that may wait for the end. */
  readonly w: string
}

/** What a completed job came to. */
export interface Ended {
  readonly k: 'done' | 'expired'
  readonly s?: string
}

export type KeptJob = Job<Kept, Ended>

/** Where BullMQ has jobs that wait. */
export const waitingTypes: readonly JobType[] = ['wait', 'prioritized', 'delayed']

/** How a job stands, by where BullMQ has it. */
export function stateOf(job: KeptJob, state: string, nowMs: number): JobState {
  switch (state) {
    case 'completed': return job.returnvalue?.k ?? 'done'
    case 'failed': return 'failed'
    case 'active': return 'running'
    default: return job.data.expires < nowMs && job.attemptsMade === 0 && !job.processedOn ? 'expired' : 'pending'
  }
}

export function toFacts(job: KeptJob, state: JobState): JobFacts {
  const { f, n, p, r, o } = job.data
  const ended = state === 'done' || state === 'failed' || state === 'expired'
  const progress = typeof job.progress === 'object' ? (job.progress as JobProgress) : undefined
  return {
    id: job.id as string, flow: f, node: n, ...(p === undefined ? {} : { part: p }), revision: r, owner: o, priority: toPriority(job), state, acceptedAtMs: job.timestamp,
    ...(job.processedOn ? { startedAtMs: job.processedOn } : {}), ...(ended && job.finishedOn ? { endedAtMs: job.finishedOn } : {}),
    attempt: job.attemptsMade + (state === 'running' ? 1 : 0), attempts: job.opts.attempts ?? 1,
    ...(progress ? { progress } : {}), ...(job.failedReason && state !== 'done' ? { reason: toReason(toOwnReason(job.failedReason)) } : {}),
  }
}

/** What cannot be read does not say which work it is of: the list of works does. */
export function named(facts: JobFacts, work: string | null): JobFacts {
  if (facts.flow !== '' || work === null) return facts
  const [flow, node, part] = JSON.parse(work) as [string, string, string]
  return { ...facts, flow, node, ...(part === '' ? {} : { part }) }
}

/** BullMQ takes 0 as “before all”, so ours begin at 1 there. */
export function ranked(priority: Priority): number {
  return priority + 1
}

function toPriority({ priority }: KeptJob): Priority {
  return Math.max(0, Math.min(priorities - 1, priority - 1)) as Priority
}

/** BullMQ has words of its own for a job that was begun too often by gateways that died. */
function toOwnReason(text: string): string {
  return !text.startsWith('{') && /stalled/.test(text) ? crashed() : text
}
