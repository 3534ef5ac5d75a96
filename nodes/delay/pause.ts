import type { Scope } from '../../runtime/core/node.ts'
import type { Message } from '../../runtime/core/message.ts'
import type { Step } from '../../runtime/core/step.ts'
import { flushCount, isCommand, type Port, Waiting } from './held.ts'

/** Holds each message for its own time. `msg.reset` drops what is held, `msg.flush` lets it go. */
export function pauseStep(scope: Scope, delayMsOf: (message: Message) => number): Step<Port> {
  const waiting = new Waiting()
  return (message, run) => {
    if ('reset' in message) {
      waiting.clear()
      if (!('flush' in message)) return undefined
    }
    const held = isCommand(message) ? undefined : waiting.hold(message, run, ({ release }) => scope.clock.setTimer(release, delayMsOf(message)))
    if ('flush' in message) waiting.flush(flushCount(message))
    return held
  }
}
