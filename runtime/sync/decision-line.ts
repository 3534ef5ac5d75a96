import type { Clock } from '../core/time/clock.ts'
import type { Decision, DecisionQueue } from '../core/access/decision.ts'
import type { DecisionBatch } from '../core/sync-wire.ts'
import { ControlError } from './control-client.ts'

export interface DecisionLineParts {
  readonly queue: DecisionQueue
  readonly clock: Clock
  connected(): boolean
  /** Resolves when control has them in its store. */
  post(batch: DecisionBatch): Promise<void>
}

const gatherMs = 100
const batchDecisions = 200
const batchCharacters = 1024 * 1024
const oneCharacters = 64 * 1024
const firstRetryMs = 500
const longestRetryMs = 30_000

/**
 * Brings decisions to control, batch by batch: the next one leaves when control has the one before. While control is away,
 * or busy, they wait in their queue, where the oldest make room.
 */
export function createDecisionLine({ queue, clock, connected, post }: DecisionLineParts) {
  let busy = false
  let closed = false
  let failures = 0
  let cancel: (() => void) | undefined

  function plan(afterMs = gatherMs): void {
    if (closed || busy || cancel) return
    cancel = clock.setTimer(() => {
      cancel = undefined
      void flush()
    }, afterMs)
  }

  function wait(): void {
    plan(Math.min(longestRetryMs, firstRetryMs * 2 ** Math.min(failures, 10)))
    failures++
  }

  async function flush(): Promise<void> {
    if (busy || !connected()) return // who connects says so
    const { decisions, dropped } = queue.peek(batchDecisions)
    if (decisions.length === 0 && dropped === 0) return
    const { taken, sent, tooLarge } = toBatch(decisions)
    busy = true
    try {
      await post({ decisions: sent, dropped: dropped + tooLarge })
      queue.sent(taken, dropped)
      failures = 0
      busy = false
      if (queue.peek(1).decisions.length > 0) plan()
    } catch (thrown) {
      busy = false
      // What control cannot read now it will not be able to read later.
      if (thrown instanceof ControlError && (thrown.status === 400 || thrown.status === 413)) queue.sent(taken, dropped)
      wait()
    }
  }

  queue.onWaiting(() => plan())
  return {
    flush,
    /** Control is there again. */
    connected(): void {
      failures = 0
      cancel?.()
      cancel = undefined
      plan(0)
    },
    close(): void {
      closed = true
      cancel?.()
    },
  }
}

/** The next ones that fit into a request: `taken` from the queue, of which `sent` are small enough to be sent. */
function toBatch(decisions: readonly Decision[]): { readonly taken: readonly Decision[]; readonly sent: readonly Decision[]; readonly tooLarge: number } {
  let characters = 0
  let count = 0
  const sent: Decision[] = []
  for (const decision of decisions) {
    const { length } = JSON.stringify(decision)
    if (count > 0 && characters + length > batchCharacters) break
    count++
    characters += length
    if (length <= oneCharacters) sent.push(decision)
  }
  return { taken: decisions.slice(0, count), sent, tooLarge: count - sent.length }
}
