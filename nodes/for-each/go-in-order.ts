import type { Branches } from '../../runtime/core/branches.ts'
import { resolve as read } from '../../runtime/core/http/body.ts'
import type { Clock } from '../../runtime/core/time/clock.ts'
import { fault, toFault, type Fault } from '../../runtime/core/fault.ts'
import type { Message } from '../../runtime/core/message.ts'
import type { Run } from '../../runtime/core/run.ts'
import { whenAborted } from '../../runtime/core/when-aborted.ts'
import type { ItemOutcome, ItemRule } from './go-through.ts'
import type { GivenItem } from './read-items.ts'

export interface InOrderParts {
  readonly items: AsyncIterable<GivenItem>
  readonly rule: ItemRule
  readonly branches: Branches
  readonly clock: Clock
  toMessage(item: unknown, index: number): Message
}

/** What the source gave: an item, its end, or what it was broken off with. */
type Next = GivenItem | 'end' | { readonly broke: unknown }

/**
 * Opens a branch for each item as it comes, so many at once, and gives the outcomes in the order of the items. Holds no more than are under way:
 * the next item is asked for when somebody has taken what became of an earlier one. Who stops taking stops the rest.
 */
export async function* goInOrder({ items, rule, branches, clock, toMessage }: InOrderParts, run: Run): AsyncGenerator<ItemOutcome> {
  const open = new Map<number, (reason: Fault) => void>()
  const waiting: Promise<ItemOutcome>[] = []
  let over = false
  const stop = () => {
    over = true
    for (const [index, cancel] of open) cancel(fault('branch.cancelled', { branch: `item ${index}` }))
    open.clear()
  }
  const stopListening = whenAborted(run, stop)
  const source = items[Symbol.asyncIterator]()
  const ask = () => source.next().then((result): Next => (result.done === true ? 'end' : result.value), (error: unknown): Next => ({ broke: error }))
  let coming: Promise<Next> | undefined = ask()
  let last: Next | undefined
  let next = 0
  try {
    while (!over) {
      const [head] = waiting
      // What is ready goes on at once, also while nobody knows when the next item comes.
      const came: Next | undefined = coming && (head === undefined ? await coming : await Promise.race([coming, head.then(() => undefined)]))
      if (came === undefined) {
        if (head === undefined) break
        void waiting.shift()
        yield await head
        if (coming === undefined && last === undefined) coming = ask()
      } else if (came === 'end' || 'broke' in came) {
        last = came
        coming = undefined
      } else {
        const index = next++
        waiting.push('fault' in came ? Promise.resolve(came) : begin(came.value, index))
        coming = waiting.length < rule.parallel ? ask() : undefined
      }
    }
    if (!over && typeof last === 'object' && 'broke' in last) throw last.broke
  } finally {
    stopListening()
    stop()
    // Not waited for: the source may be in the middle of waiting itself, and is let go of by whoever opened it.
    void Promise.resolve(source.return?.()).catch(() => {})
  }

  function begin(value: unknown, index: number): Promise<ItemOutcome> {
    return new Promise((resolve) => {
      let settled = false
      let stopTimer = () => {}
      const settle = (outcome: ItemOutcome) => {
        if (settled) return
        settled = true
        stopTimer()
        open.delete(index)
        resolve(outcome)
      }
      let cancel = (_reason: Fault) => {}
      open.set(index, (reason) => {
        cancel(reason)
        settle(undefined)
      })
      if (rule.timeoutMs > 0) {
        stopTimer = clock.setTimer(() => {
          const late = fault('branch.timeout', { branch: `item ${index}`, afterMs: rule.timeoutMs })
          cancel(late)
          settle({ fault: late })
        }, rule.timeoutMs)
      }
      try {
        const branch = branches.open('item', toMessage(value, index), {
          ...(rule.timeoutMs > 0 ? { deadline: clock.now() + rule.timeoutMs } : {}),
          returned: (message) => settle(outcomeOf(message)),
          failed: (caught) => settle({ fault: caught }),
          ended: () => settle(undefined),
        })
        cancel = (reason) => branch.cancel(reason)
      } catch (thrown) {
        settle({ fault: toFault(thrown) })
      }
    })
  }
}

function outcomeOf(message: Message): ItemOutcome {
  try {
    return { value: read(message.payload) }
  } catch (thrown) {
    return { fault: toFault(thrown) }
  }
}
