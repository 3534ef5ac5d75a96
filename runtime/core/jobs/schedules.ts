import type { Attempt, AttemptEnd, WorkName } from './jobs.ts'

/** When something is to happen. */
export type Times =
  /** Five, six or seven fields; `zone` is an IANA name, absent: the machine's. */
  | { readonly kind: 'cron'; readonly cron: string; readonly zone?: string }
  /** At all multiples since 1970, so that all gateways mean the same ones. */
  | { readonly kind: 'interval'; readonly everyMs: number }
  | { readonly kind: 'once'; readonly atMs: number }

export interface ScheduleSpec extends WorkName {
  readonly revision: string
  readonly times: Times
  /** When the one before has not ended. skip: this one is left out. queue: it waits. parallel: both go on. */
  readonly overlap: 'skip' | 'queue' | 'parallel'
  /** Times that nobody was there for. skip: they are left out. once: the last of them is made up for. all: each is. */
  readonly missed: 'skip' | 'once' | 'all'
  /** Each begins up to so much later, by a chance that all gateways share. */
  readonly jitterMs: number
  readonly attempts: number
  readonly backoffMs: number
}

/** One time that has come. */
export interface Tick {
  readonly scheduledAtMs: number
  readonly attempt: Attempt
}

/** What happens by the clock: once for each time, however many gateways there are, and also when one dies over it. */
export interface Schedules {
  /** The result stops it; what has begun goes on. */
  start(spec: ScheduleSpec, fire: (tick: Tick) => Promise<AttemptEnd>): () => void
}
