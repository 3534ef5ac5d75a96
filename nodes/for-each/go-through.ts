import type { Branch, Branches } from '../../runtime/core/branches.ts'
import { resolve } from '../../runtime/core/http/body.ts'
import type { Clock } from '../../runtime/core/time/clock.ts'
import { fault, toFault, type Fault } from '../../runtime/core/fault.ts'
import type { Message } from '../../runtime/core/message.ts'
import type { Run } from '../../runtime/core/run.ts'
import { whenAborted } from '../../runtime/core/when-aborted.ts'

export interface ItemRule {
  /** Items under way together. */
  readonly parallel: number
  /** For each; 0: as long as the run has. */
  readonly timeoutMs: number
}

/** What became of an item; `undefined`: it ended and nothing came back, as where a switch dropped it. */
export type ItemOutcome = { readonly value: unknown } | { readonly fault: Fault } | undefined

/**
 * Opens a branch for each item, so many at once. Calls `decided` once, with the outcomes in the order of the list, or with the
 * first fault where that is to stop it; never when the run or the branch around is cut short.
 */
export function goThrough(
  { list, rule, branches, clock, toMessage }: {
    readonly list: readonly unknown[]
    readonly rule: ItemRule & { readonly stopAtFault: boolean }
    readonly branches: Branches
    readonly clock: Clock
    toMessage(item: unknown, index: number): Message
  },
  run: Run,
  decided: (outcome: readonly ItemOutcome[] | Fault | undefined) => void,
): void {
  const outcomes: ItemOutcome[] = list.map(() => undefined)
  const underWay = new Map<number, { branch?: Branch; stopTimer?: () => void }>()
  let next = 0
  let over = false
  let pumping = false
  let stopListening = () => {}
  stopListening = whenAborted(run, () => finish(undefined))
  pump()

  /** A loop and no recursion: a body of steps that answer at once gives its item back before the next one begins. */
  function pump(): void {
    if (pumping) return
    pumping = true
    while (!over && next < list.length && underWay.size < rule.parallel) begin(next++)
    pumping = false
    if (!over && next >= list.length && underWay.size === 0) finish(outcomes)
  }

  function begin(index: number): void {
    const item: { branch?: Branch; stopTimer?: () => void } = {}
    underWay.set(index, item)
    if (rule.timeoutMs > 0) item.stopTimer = clock.setTimer(() => giveUp(index), rule.timeoutMs)
    try {
      const branch = branches.open('item', toMessage(list[index], index), {
        ...(rule.timeoutMs > 0 ? { deadline: clock.now() + rule.timeoutMs } : {}),
        returned: (message) => settle(index, read(message)),
        failed: (caught) => settle(index, { fault: caught }),
        ended: () => settle(index, undefined),
      })
      item.branch = branch
      // Another item may have stopped it all meanwhile; this one was not there to be cancelled.
      if (over && outcomes[index] === undefined) branch.cancel(cancelled(index))
    } catch (thrown) {
      settle(index, { fault: toFault(thrown) })
    }
  }

  function settle(index: number, outcome: ItemOutcome): void {
    const item = underWay.get(index)
    if (over || !item) return
    underWay.delete(index)
    item.stopTimer?.()
    outcomes[index] = outcome
    if (rule.stopAtFault && outcome && 'fault' in outcome) finish(outcome.fault)
    else pump()
  }

  function giveUp(index: number): void {
    const late = fault('branch.timeout', { branch: `item ${index}`, afterMs: rule.timeoutMs })
    underWay.get(index)?.branch?.cancel(late)
    settle(index, { fault: late })
  }

  function finish(outcome: readonly ItemOutcome[] | Fault | undefined): void {
    if (over) return
    over = true
    stopListening()
    for (const [index, { branch, stopTimer }] of underWay) {
      stopTimer?.()
      branch?.cancel(cancelled(index))
    }
    underWay.clear()
    decided(outcome)
  }
}

function cancelled(index: number): Fault {
  return fault('branch.cancelled', { branch: `item ${index}` })
}

function read(message: Message): ItemOutcome {
  try {
    return { value: resolve(message.payload) }
  } catch (thrown) {
    return { fault: toFault(thrown) }
  }
}
