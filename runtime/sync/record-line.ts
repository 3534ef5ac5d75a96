import type { Clock } from '../core/time/clock.ts'
import type { LedgerAnswer, LedgerQueue, TravellingRecord } from '../core/state/ledger.ts'
import type { Log } from '../core/log.ts'

export interface RecordLineParts {
  readonly queue: LedgerQueue
  readonly clock: Clock
  readonly log: Log
  connected(): boolean
  /** Resolves with an answer for each when control has them in its store. */
  post(batch: { readonly records: readonly TravellingRecord[] }): Promise<{ readonly answers: readonly LedgerAnswer[] }>
}

const gatherMs = 2
const batchRecords = 200
const batchBytes = 2 * 1024 * 1024
const firstRetryMs = 200
const longestRetryMs = 5000

/**
 * Brings records to control, batch by batch and in their order: the next one leaves when control has answered the one before.
 * Nothing is dropped: what control did not answer is sent again, and known there by its id.
 */
export function createRecordLine({ queue, clock, log, connected, post }: RecordLineParts) {
  let busy: Promise<void> | undefined
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

  function flush(): Promise<void> {
    busy ??= send().finally(() => {
      busy = undefined
      if (queue.peek(1, 1).length > 0 && connected()) plan(failures === 0 ? 0 : Math.min(longestRetryMs, firstRetryMs * 2 ** Math.min(failures - 1, 10)))
    })
    return busy
  }

  async function send(): Promise<void> {
    if (!connected()) return // who connects says so
    const records = queue.peek(batchRecords, batchBytes)
    if (records.length === 0) return
    try {
      const { answers } = await post({ records })
      if (!Array.isArray(answers) || answers.length !== records.length) throw new Error('control answered something else than asked for')
      queue.answered(records, answers)
      failures = 0
    } catch (thrown) {
      if (failures++ === 0) log.warn({ records: records.length, reason: thrown instanceof Error ? thrown.message : 'unknown' }, 'control does not take the records of this gateway; they wait')
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
