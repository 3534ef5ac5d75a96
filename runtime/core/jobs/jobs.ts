import type { Priority } from '../lines/priority.ts'

/**
 * How a job stands. pending: accepted, and it waits for its turn or for its next attempt. running: an attempt is under way.
 * failed: no attempt is left, it lies in the list of dead letters. expired: its time was over before it began.
 */
export type JobState = 'pending' | 'running' | 'done' | 'failed' | 'expired' | 'cancelled'

/** Names what is done, wherever and by whichever revision: jobs of one name wait in one line. */
export interface WorkName {
  readonly flow: string
  readonly node: string
  /** One node may have several kinds of work. */
  readonly part?: string
}

/** Work that a gateway is ready to do. */
export interface WorkSpec extends WorkName {
  /** Content hash of the flow: jobs accepted on it are done by it while it is there, by the newest otherwise. */
  readonly revision: string
  /** Most attempts under way at once in this gateway; all revisions together. */
  readonly atOnce: number
  /** The same of all gateways together. */
  readonly atOnceOfAll?: number
}

export interface NewJob {
  readonly work: WorkName
  readonly revision: string
  /** Last part of its id; the same one is accepted once. Absent: one that cannot be guessed. */
  readonly key?: string
  /** JSON. Kept encrypted. */
  readonly body: unknown
  /** Who may ask for it; empty: whoever knows its id. */
  readonly owner: string
  readonly priority: Priority
  /** Not before so long from now; 0: at once. */
  readonly delayMs?: number
  /** How often it is tried at most. */
  readonly attempts: number
  /** Pause after the first attempt; it doubles, up to `backoffMostMs`, and varies by chance. */
  readonly backoffMs: number
  readonly backoffMostMs: number
  /** How long it may wait before it is begun. */
  readonly ttlMs: number
  /** How long its outcome is kept. */
  readonly keepMs: number
  /** Most jobs of this work that may wait. */
  readonly maxPending: number
}

/** What is known of a job. Holds neither what it was given nor what it came to. */
export interface JobFacts {
  readonly id: string
  readonly flow: string
  readonly node: string
  readonly part?: string
  readonly revision: string
  readonly owner: string
  /** Absent where a gateway of an older version says it. */
  readonly priority?: Priority
  readonly state: JobState
  readonly acceptedAtMs: number
  readonly startedAtMs?: number
  readonly endedAtMs?: number
  /** Attempts that were begun and did not end well, and the one under way. */
  readonly attempt: number
  readonly attempts: number
  readonly progress?: JobProgress
  /** Why it failed, or why it is tried again. */
  readonly reason?: { readonly code: string; readonly message: string }
}

export interface JobProgress {
  /** 0 … 100. */
  readonly percent?: number
  readonly text?: string
}

/** One try at a job. */
export interface Attempt {
  readonly facts: JobFacts
  readonly body: unknown
  /** Nobody tries again after it. */
  readonly last: boolean
  progress(progress: JobProgress): void
  /** Told when somebody cancels the job; the result takes the listener back. */
  onCancel(listener: () => void): () => void
}

/**
 * What an attempt came to. failed: it is tried again unless it was the last or `final`. again: it did not really begin (no
 * room, gateway stopping) and does not count.
 */
export type AttemptEnd =
  | { readonly kind: 'done'; readonly result?: unknown }
  | { readonly kind: 'failed'; readonly code: string; readonly message: string; readonly final?: boolean; readonly result?: unknown }
  | { readonly kind: 'again'; readonly afterMs: number }

export type Perform = (attempt: Attempt) => Promise<AttemptEnd>

export interface JobCounts {
  readonly pending: number
  readonly running: number
  readonly dead: number
  /** Flows whose work is paused. */
  readonly paused: number
}

/** Accepted work of one flow: of its async and schedule nodes, and callbacks. */
export interface FlowWork {
  readonly flow: string
  readonly paused: boolean
  readonly pending: number
  readonly running: number
  readonly dead: number
}

export interface JobQuery {
  readonly state?: JobState
  readonly flow?: string
  readonly limit: number
}

/**
 * Work that is accepted now and done later. What was accepted is not lost: whoever dies with it, it is done at least once.
 * In Redis any gateway goes on with it, else this gateway does when it is back; one shared suite holds both to it.
 *
 * All reject with Fault `job.unavailable` while the store does not answer.
 */
export interface Jobs {
  /** Whether others share it, so that what happens by itself must be agreed upon. */
  readonly shared: boolean
  /** This gateway takes jobs of this work; the result ends that, and lets attempts under way end. */
  open(spec: WorkSpec, perform: Perform): () => void
  /**
   * Resolves when the job is written down where a crash does not reach it.
   * @throws Fault `job.full`, `job.too_large`, `job.unsafe`, `job.no_key`
   */
  accept(job: NewJob): Promise<JobFacts>
  find(id: string): Promise<JobFacts | undefined>
  /** What a job came to; `undefined` when it came to nothing, or has not ended. */
  result(id: string): Promise<unknown>
  /** Resolves when the job has ended, with `undefined` when it has not after so long. */
  settled(id: string, limitMs: number): Promise<JobFacts | undefined>
  /** Ends a job that has not ended; an attempt under way is told. The facts as they are after it. */
  cancel(id: string): Promise<JobFacts | undefined>
  /** Tries once more: a dead letter from its first attempt, one that waits for its next attempt at once. */
  retry(id: string): Promise<JobFacts | undefined>
  /** Gives a job that waits another priority. The facts as they are after it. */
  move(id: string, to: Priority): Promise<JobFacts | undefined>
  /**
   * Begins no attempt at work of a flow until it is resumed, here and wherever else the work is shared, whatever starts again or
   * is deployed meanwhile. Attempts under way go on, and work is accepted as before.
   */
  pause(flow: string): Promise<void>
  resume(flow: string): Promise<void>
  /** Flows that have accepted work, may have some, or are paused; by name. */
  flows(): Promise<readonly FlowWork[]>
  /** Newest first. */
  list(query: JobQuery): Promise<readonly JobFacts[]>
  /** How many jobs of a work have not ended, without the one of a key. */
  unfinished(work: WorkName, withoutKey: string): Promise<number>
  /** As far as is known; a few seconds old in a cluster. */
  counts(): JobCounts
  /** Notes a number under a name unless a larger one is there; gives the one that was there. */
  advance(name: string, to: number): Promise<number | undefined>
  /** Takes no more jobs; those under way go on. */
  drain(): void
  close(): Promise<void>
  /** Ends as a crash would. */
  kill(): void
}

/** Largest message and largest result that a job keeps, as JSON. */
export const jobLimitBytes = 262_144
