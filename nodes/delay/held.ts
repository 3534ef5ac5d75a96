import { fault } from '../../runtime/core/fault.ts'
import type { Message } from '../../runtime/core/message.ts'
import type { Run } from '../../runtime/core/run.ts'
import type { Sends } from '../../runtime/core/step.ts'
import { whenAborted } from '../../runtime/core/when-aborted.ts'

export type Port = 'out' | 'dropped'

/** A message that waits. Its run stays open until one of the three is called; what comes later is ignored. */
export interface Held {
  readonly message: Message
  release(): void
  /** Sends it to the second output, or nowhere. */
  drop(to?: 'dropped'): void
}

/** Messages one node holds at once, of all runs together. */
export const heldLimit = 10_000

/**
 * What a delay node holds, of all runs: a rate limit that began anew for every caller would limit nothing.
 * A message whose run is aborted leaves at once.
 */
export class Waiting {
  readonly #held = new Set<Held>()

  get size(): number {
    return this.#held.size
  }

  /**
   * Holds a message. `wait` arranges its release and gives back what undoes that.
   * @throws Fault `flow.sequence_too_large`
   */
  hold(message: Message, run: Run, wait: (held: Held) => () => void): Promise<Sends<Port> | undefined> {
    if (this.#held.size >= heldLimit) throw fault('flow.sequence_too_large', { limit: heldLimit })
    return new Promise((resolve) => {
      let undo = () => {}
      let stopListening = () => {}
      const settle = (sends: Sends<Port> | undefined) => {
        if (!this.#held.delete(held)) return
        undo()
        stopListening()
        resolve(sends)
      }
      const held: Held = { message, release: () => settle({ out: message }), drop: (to) => settle(to && { [to]: message }) }
      this.#held.add(held)
      undo = wait(held)
      stopListening = whenAborted(run, () => settle(undefined))
      if (!this.#held.has(held)) undo()
    })
  }

  /** Releases the first `count`, oldest first. */
  flush(count: number): void {
    let left = count
    for (const held of this.#held) {
      if (left-- <= 0) return
      held.release()
    }
  }

  clear(): void {
    for (const held of this.#held) held.drop()
  }
}

/** How many messages `msg.flush` asks for. */
export function flushCount(message: Message): number {
  return typeof message.flush === 'number' ? Math.max(0, Math.floor(message.flush)) : Number.POSITIVE_INFINITY
}

/** True for a message that only commands the node and is nothing to send on. */
export function isCommand(message: Message): boolean {
  return Object.keys(message).every((key) => key === '_msgid' || key === 'flush' || key === 'reset')
}

/** A message without the commands it carried. */
export function withoutCommands(message: Message): Message {
  if (!('flush' in message) && !('reset' in message)) return message
  const { flush: _flush, reset: _reset, ...rest } = message
  return rest
}
