import type { Message } from './message.ts'
import type { Run } from './run.ts'

/** What a node sends, by port. A port that is not named sends nothing; a list sends its messages in order. */
export type Sends<Port extends string = string> = {
  readonly [P in Port]?: Message | readonly Message[] | undefined
}

/**
 * What a step gives back: sends at once (no promise, no tick), later, or one after the other while the
 * step goes on (a function node that sends from a timer). `undefined` sends nothing.
 */
export type Result<Port extends string = string> =
  | Sends<Port>
  | undefined
  | Promise<Sends<Port> | undefined>
  | AsyncIterable<Sends<Port>>

/** A compiled node. It must not change the message. What it throws becomes a fault at its node. */
export type Step<Port extends string = string> = (message: Message, run: Run) => Result<Port>
