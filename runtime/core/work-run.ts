import type { ClientEnvironment } from './access/clients.ts'
import type { Fault } from './fault.ts'
import type { Message } from './message.ts'
import type { RequestFacts } from './http/request-facts.ts'
import type { RunEnd, RunJob, RunOutcome } from './run.ts'

/** A run that nobody called and whose end somebody waits for. */
export interface WorkRun {
  /** `refresh`: an answer that is made anew for those who come later. */
  readonly on: 'job' | 'schedule' | 'refresh'
  /** Port of the node behind which it begins. */
  readonly port: string
  readonly message: Message
  readonly limitMs: number
  readonly job?: RunJob
  /** The request whose answer is made anew. */
  readonly request?: RequestFacts
  /** What the credentials of whoever asked for the work are for. */
  readonly environment?: ClientEnvironment | undefined
}

export interface RunningWork {
  /** Resolves when the run has ended, with what it replied. */
  readonly ended: Promise<{ readonly outcome: RunOutcome; readonly end: RunEnd }>
  abort(reason: Fault): void
}
