import type { Message } from './message.ts'
import type { Run } from './run.ts'

/** What a node sends, by port. A port that is not named sends nothing; a list sends its messages in order. */
export type Sends<Port extends string = string> = {
  readonly [P in Port]?: Message | readonly Message[] | undefined
}

/**
 * One message to one port, by the port's place among the outputs. It says the same as {@link Sends}; nodes whose
 * outputs are numbered give it for their commonest answer, because an object with a computed key costs more to make
 * than many a step.
 */
export class SentTo {
  readonly port: number
  readonly message: Message
  /** Told when everything that the message sets off has ended. */
  readonly trail: Trail | undefined

  constructor(port: number, message: Message, trail?: Trail) {
    this.port = port
    this.message = message
    this.trail = trail
  }
}

/**
 * Everything that one message sets off: the steps behind it, what they send and wait for. What a node keeps for others
 * (a join that collects) is not part of it. A step gives one with {@link SentTo} and is told when it has ended. When the
 * run itself is cut short nobody is told: that is `run.onEnd`.
 */
export class Trail {
  /** The trail that it is part of: one within another holds the outer one open. */
  outer: Trail | undefined
  /** The run as steps on the trail see it, in a branch that has one of its own; the engine's. */
  run: Run | undefined
  #open = 0
  readonly #ended: () => void

  constructor(ended: () => void) {
    this.#ended = ended
  }

  open(): void {
    if (this.#open++ === 0) this.outer?.open()
  }

  close(): void {
    if (--this.#open > 0) return
    this.#ended()
    this.outer?.close()
  }
}

/** What leaves a step at once; `undefined` sends nothing. */
export type Output<Port extends string = string> = Sends<Port> | SentTo | undefined

/**
 * What a step gives back: sends at once (no promise, no tick), later, or one after the other while the
 * step goes on (a function node that sends from a timer).
 */
export type Result<Port extends string = string> = Output<Port> | Promise<Output<Port>> | AsyncIterable<NonNullable<Output<Port>>>

/** A compiled node. It must not change the message. What it throws becomes a fault at its node. */
export type Step<Port extends string = string> = (message: Message, run: Run) => Result<Port>
