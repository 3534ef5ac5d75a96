import type { ClientEnvironment, MessageClient } from './access/clients.ts'
import type { Context } from './state/context.ts'
import type { Fault } from './fault.ts'
import type { JobProgress } from './jobs/jobs.ts'
import type { Log } from './log.ts'
import type { Message } from './message.ts'
import type { RequestFacts } from './http/request-facts.ts'
import type { RunTrace } from './trace.ts'

/** One journey of one request (or tick, or button press) through a pipeline. Whatever has a lifetime lives here, never on the message. */
export interface Run {
  /** Unique; the caller sees it as `X-Request-Id` and in problem documents. */
  readonly id: string
  /** Flow (tab) the run entered by. */
  readonly flow: string
  /** Content hash of the flow document it runs on. */
  readonly revision: string
  readonly request?: RequestFacts
  /** Aborted when the client is gone, the deadline has passed, or the deployment is forced out. Made when first read. */
  readonly signal: AbortSignal
  /**
   * Calls `listener` once when the run is aborted (at once when it is already), without making the signal:
   * for hot paths. The result takes the listener back. Absent: use `signal`.
   */
  onAbort?(listener: (reason: unknown) => void): () => void
  /**
   * Calls `listener` once when the run has ended, on whatever way: all branches done, aborted, out of time. At once
   * when it has ended already. For what must be given back exactly then. Absent: nothing is known of the end.
   */
  onEnd?(listener: (end: RunEnd) => void): void
  /**
   * What the credentials of the caller are for, once a node has let the caller in. It lies here and not on the message, so that
   * no flow loses it: a sandbox caller stays one, whatever else the run finds out. `undefined`: nobody has made sure who calls.
   */
  readonly environment?: ClientEnvironment | undefined
  /** Notes it; `sandbox` stays. Absent: nobody calls. */
  noteEnvironment?(environment: ClientEnvironment): void
  /**
   * Who proved to call, as the last node that let it in knows it. It lies here and not on the message, so that nothing a flow
   * computes passes for it. `undefined`: nobody has made sure who calls.
   */
  readonly caller?: MessageClient | undefined
  /** Notes it. Absent: nobody calls. */
  noteCaller?(caller: MessageClient): void
  /** Notes that a request of this run has left for a backend; `upstream` says so. */
  noteBackend?(): void
  /** Notes how long the run waited for a turn; the log says the sum. */
  noteWait?(ms: number): void
  /** The job that the run is an attempt at. */
  readonly job?: RunJob | undefined
  /** Writes down what the run does, when somebody asked for it; absent: nobody did. */
  readonly trace?: RunTrace | undefined
  /** Lines that the run holds slots of, as marks call them; undefined when it holds none. */
  readonly heldLines?: readonly string[] | undefined
  /** Notes that it holds a slot of this line; the result says that it has given it back. */
  noteHeld?(line: string): () => void
  /** Milliseconds since the epoch; every step and every callout stays inside it. */
  readonly deadline: number
  readonly log: Log
  /** The context scope that belongs to this run only (`run` in the editor). */
  readonly context: Context
  /** True once a reply has been given. */
  readonly replied: boolean
  /**
   * Answers the caller: `payload` is the body, `statusCode`, `headers` and `cookies` are honoured.
   * @throws Fault `flow.already_replied` the second time
   */
  reply(message: Message): void
  /**
   * Tells `listener` once what the run comes to, before the caller learns it; while the promise it gives is pending
   * the answer waits, but never past an abort. For whoever must have written an answer down before it leaves.
   * Absent: nobody can be told.
   */
  beforeAnswer?(listener: (outcome: RunOutcome) => void | Promise<void>): void
  /**
   * Asked once, before anybody learns what the run comes to: another answer in its place (an older one for a fault), or
   * nothing. Absent: nobody can be asked.
   */
  answerInstead?(choose: (outcome: RunOutcome) => Message | undefined): void
  /**
   * Tells `listener` once what the run came to, right after the answer has been given; at once, with nothing, when it was given
   * before. For work that must not hold the answer up. Absent: nobody can be told.
   */
  afterAnswer?(listener: (outcome: RunOutcome | undefined) => void): void
  /** From now on the run goes on to its end although its caller goes away: what it answers is only told to listeners. */
  outliveCaller?(): void
  /**
   * A header of the answer, whoever gives it: a reply, a fault. What the answer says itself under that name wins.
   * Values of one name are joined by commas (RFC 9110 §5.3); a `key` given again replaces its earlier value. Absent:
   * nobody waits for an answer.
   */
  addReplyHeader?(name: string, value: string, key?: string): void
  /** Whether somebody added a header of this name, written in the same way. Absent: nobody knows. */
  hasReplyHeader?(name: string): boolean
  /**
   * State of one node for this run only (joins, sequences), made on first use and dropped with the run.
   * `key` is the node's scope or any object the node keeps. In a branch of a structured node (`parallel`, `for each`) it is
   * that branch's own, so that what one item collects is kept from the others; `of: 'run'` is for what the whole run has once.
   */
  state<T>(key: object, create: () => T, of?: 'branch' | 'run'): T
  /**
   * Keeps the run open for work the engine cannot see (a timer, a held message). Call the result once,
   * when that work has ended; a run with nothing open and no reply ends with `flow.no_reply`.
   */
  hold(): () => void
  /**
   * Takes a message back to the structured node in whose branch the step runs, innermost first; only the first of a branch counts.
   * Absent: the step runs in no branch.
   */
  endBranch?(message: Message): void
  /**
   * From now on looks at what is about to go back from the branch that the step runs in; what it throws is a fault of whoever gives
   * it back. For the declared outcome of a flow that is called. Absent: the step runs in no branch.
   */
  beforeBranchEnds?(look: (message: Message) => void): void
}

/** A job, as the run of one of its attempts knows it. */
export interface RunJob {
  readonly id: string
  /** From 1. */
  readonly attempt: number
  /** The same in all attempts and of no other job: what is done under it is done once by whoever minds it. Says nothing of the id. */
  readonly key: string
  /** As `key`, for the next call of one node: the n-th of one attempt is the n-th of the others. */
  callKey(node: string): string
  progress(progress: JobProgress): void
}

/** How a run ended. */
export interface RunEnd {
  /** Status of the answer, when one was given. */
  readonly status: number | undefined
  /** The fault that nobody caught; also `client.closed` and `flow.timeout`. */
  readonly fault: Fault | undefined
  /** True when a request left for a backend, whatever came back. */
  readonly backendReached: boolean
  /** True when a part of the answer was replaced or left out (`X-Degraded`). */
  readonly degraded?: boolean
}

/** What a run comes to: what it answers, the fault it answers with, or its end when there was nobody to answer. */
export type RunOutcome =
  | { readonly kind: 'reply'; readonly message: Message }
  | { readonly kind: 'fault'; readonly fault: Fault }
  | { readonly kind: 'end' }
