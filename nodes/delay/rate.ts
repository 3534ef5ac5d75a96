import type { Message } from '../../runtime/core/message.ts'
import type { Scope } from '../../runtime/core/node.ts'
import type { Step } from '../../runtime/core/step.ts'
import { flushCount, type Held, isCommand, type Port, Waiting, withoutCommands } from './held.ts'

export interface RateOptions {
  /** Time between two messages. */
  readonly everyMs: number
  /** `msg.rate` (ms between messages) may change it. */
  readonly allowRate: boolean
  /** Messages that cannot go now leave by the second output; else they are dropped. */
  readonly secondOutput: boolean
}

/** One message each `everyMs`, the others wait in line. The first goes at once. */
export function queueStep(scope: Scope, options: RateOptions): Step<Port> {
  const waiting = new Waiting()
  const line: Held[] = []
  let everyMs = options.everyMs
  let cancel: (() => void) | undefined

  const arm = () => (cancel = scope.clock.setTimer(tick, everyMs))
  function tick(): void {
    cancel = undefined
    const next = line.shift()
    if (!next) return
    arm()
    next.release()
  }
  function disarm(): void {
    cancel?.()
    cancel = undefined
  }
  scope.onRetire(disarm)

  return (given, run) => {
    if ('reset' in given && !('flush' in given)) {
      disarm()
      waiting.clear()
      everyMs = options.everyMs
      return undefined
    }
    const message = withoutCommands(given)
    const rate = rateOf(message, options)
    if (rate !== undefined && rate !== everyMs) {
      everyMs = rate
      if (cancel) {
        disarm()
        arm()
      }
    }
    if (isCommand(given)) {
      flush(given)
      return undefined
    }
    if (!cancel) {
      arm()
      return { out: message }
    }
    const held = waiting.hold(message, run, (entry) => {
      if (message.toFront === true) line.unshift(entry)
      else line.push(entry)
      return () => {
        const at = line.indexOf(entry)
        if (at !== -1) line.splice(at, 1)
      }
    })
    if ('flush' in given) flush(given)
    return held
  }

  function flush(message: Message): void {
    for (const held of line.slice(0, flushCount(message))) held.release()
    if ('reset' in message) {
      waiting.clear()
      everyMs = options.everyMs
    }
    if (line.length === 0) disarm()
  }
}

/** At most one message each `everyMs`; what comes between is dropped. */
export function dropStep(scope: Scope, options: RateOptions): Step<Port> {
  let everyMs = options.everyMs
  let lastAt: number | undefined
  return (message) => {
    if ('reset' in message) {
      lastAt = undefined
      everyMs = options.everyMs
      return undefined
    }
    everyMs = rateOf(message, options) ?? everyMs
    const now = scope.clock.elapsed()
    if (lastAt !== undefined && now - lastAt <= everyMs) return options.secondOutput ? { dropped: message } : undefined
    lastAt = now
    return { out: message }
  }
}

/** `count` messages in any stretch of `windowMs`; the others are dropped. */
export function burstStep(scope: Scope, options: { count: number; windowMs: number; secondOutput: boolean }): Step<Port> {
  let sentAt: number[] = []
  return (message) => {
    if ('reset' in message) {
      sentAt = []
      return undefined
    }
    const now = scope.clock.elapsed()
    while (sentAt.length > 0 && now - (sentAt[0] as number) >= options.windowMs) sentAt.shift()
    if (sentAt.length >= options.count) return options.secondOutput ? { dropped: message } : undefined
    sentAt.push(now)
    return { out: message }
  }
}

/**
 * Holds the newest message of each topic; every `everyMs` the oldest of them (`queue`) or all (`timed`) go.
 * One that is overtaken by its topic's next leaves by the second output, or is dropped.
 */
export function topicStep(scope: Scope, options: RateOptions & { all: boolean }): Step<Port> {
  const waiting = new Waiting()
  const byTopic = new Map<unknown, Held>()
  const startedAt = scope.clock.elapsed()
  let everyMs = options.everyMs
  let cancel: (() => void) | undefined
  scope.onRetire(() => cancel?.())

  // The beat is the node's own, so that a message waits for the next beat and not a whole interval.
  function arm(): void {
    cancel ??= scope.clock.setTimer(tick, everyMs - ((scope.clock.elapsed() - startedAt) % everyMs))
  }
  function tick(): void {
    cancel = undefined
    for (const held of [...byTopic.values()].slice(0, options.all ? undefined : 1)) held.release()
    if (byTopic.size > 0) arm()
  }

  return (given, run) => {
    everyMs = rateOf(given, options) ?? everyMs
    if ('reset' in given && !('flush' in given)) {
      waiting.clear()
      everyMs = options.everyMs
      return undefined
    }
    const message = withoutCommands(given)
    const { topic = '_none_' } = message
    const held = isCommand(given)
      ? undefined
      : waiting.hold(message, run, (entry) => {
          const overtaken = byTopic.get(topic)
          byTopic.set(topic, entry) // keeps the place in line of the one it takes over from
          overtaken?.drop(options.secondOutput ? 'dropped' : undefined)
          arm()
          return () => {
            if (byTopic.get(topic) === entry) byTopic.delete(topic)
          }
        })
    if ('flush' in given) for (const one of [...byTopic.values()].slice(0, flushCount(given))) one.release()
    return held
  }
}

function rateOf(message: Message, { allowRate }: RateOptions): number | undefined {
  if (!allowRate || message.rate === undefined) return undefined
  const rate = Number.parseFloat(String(message.rate as number))
  return Number.isNaN(rate) ? undefined : Math.max(1, rate)
}
