import type { Fault } from './fault.ts'
import type { Message } from './message.ts'

/**
 * What becomes of a branch. Exactly one of the three is called, once; none when the branch is cancelled, or its run is cut short.
 * What happens in the branch afterwards goes on, and nobody is told.
 */
export interface BranchEnds {
  /** A message reached an `end` node. */
  returned(message: Message): void
  /** A fault that no Catch node of the branch took. `message` is the one that entered the node that failed. */
  failed(fault: Fault, message: Message): void
  /** All that the branch set off has ended, and nothing came back. */
  ended(): void
}

export interface BranchOptions extends BranchEnds {
  /** Milliseconds since the epoch; steps and callouts of the branch stay inside it. The run's own applies as well. */
  readonly deadline?: number
}

/** Work that goes on apart from the run that it comes from: it has its own time, and its answer is nobody's. */
export interface ApartWork {
  readonly port: string
  readonly message: Message
  readonly limitMs: number
  /** Ends at an `end` node, as a branch does; else it goes as far as it is wired. */
  readonly asBranch: boolean
}

/** A branch that was opened. */
export interface Branch {
  /** Aborts the callouts in it, drops its messages, and tells nobody. Nothing else of the run notices. */
  cancel(reason: Fault): void
}

/**
 * Opens branches for a node whose step is under way: what is sent into one travels with a view of the run that has a signal and a
 * deadline of its own, and comes back to it from an `end` node. They belong to the run and to nothing else.
 */
export interface Branches {
  /**
   * Sends a message into a branch behind a port. What happens before the first pause happens now, also `ends`.
   * @throws Fault `flow.nested`
   */
  open(port: string, message: Message, options: BranchOptions): Branch
  /**
   * The same behind a link in or sub-flow node of any flow of the deployment.
   * @throws Fault `flow.target_missing`, `flow.nested`
   */
  call(target: string, message: Message, options: BranchOptions): Branch
}
