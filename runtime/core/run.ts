import type { Context } from './context.ts'
import type { Log } from './log.ts'
import type { Message } from './message.ts'
import type { RequestFacts } from './request-facts.ts'

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
   * State of one node for this run only (joins, sequences), made on first use and dropped with the run.
   * `key` is the node's scope or any object the node keeps.
   */
  state<T>(key: object, create: () => T): T
  /**
   * Keeps the run open for work the engine cannot see (a timer, a held message). Call the result once,
   * when that work has ended; a run with nothing open and no reply ends with `flow.no_reply`.
   */
  hold(): () => void
}
