import { randomUUID } from 'node:crypto'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { Clock } from '../core/time/clock.ts'
import { fault, type Fault } from '../core/fault.ts'
import { holdsUnkeepable, recordLimitBytes, type Ledger, type LedgerAnswer, type LedgerPlace, type LedgerQueue, type LedgerRecord, type TravellingRecord } from '../core/state/ledger.ts'
import type { Log } from '../core/log.ts'
import { openJournal, type Journal } from './journal.ts'

export interface GatewayLedger extends Ledger {
  readonly queue: LedgerQueue
  /** Records that control does not have yet. */
  readonly waiting: number
  /** Records since the start that control did not take. */
  readonly refused: number
  /** Reads what a process before left; resolves when it waits to be handed over. */
  open(): Promise<void>
  close(): Promise<void>
}

export interface GatewayLedgerParts {
  /** Of this gateway alone. */
  readonly folder: string
  readonly clock: Clock
  readonly log: Log
  /** What may wait for control, together. */
  readonly limitBytes: number
}

interface Item {
  readonly record: TravellingRecord
  readonly bytes: number
  settle(answer: LedgerAnswer): void
}

/**
 * The records of a gateway, in one line to control: those that somebody waits for in memory, the others on the disk too. The journal's
 * folder is made with the first record.
 */
export function createLedger({ folder, clock, log, limitBytes }: GatewayLedgerParts): GatewayLedger {
  /** A set: whoever waits in vain leaves its middle at no cost, however many wait. */
  const line = new Set<Item>()
  let lineBytes = 0
  let refused = 0
  let closed = false
  let tell = () => {}
  let journal: Promise<Journal> | undefined

  const openedJournal = () => (journal ??= openJournal(join(folder, 'ledger')).catch((thrown: unknown) => {
    journal = undefined
    throw thrown
  }))

  function add(item: Item): void {
    line.add(item)
    lineBytes += item.bytes
    tell()
  }

  function leave(item: Item): void {
    if (line.delete(item)) lineBytes -= item.bytes
  }

  /** Adds what lies on the disk, where `done` lets go of it. */
  function addWritten(record: TravellingRecord, bytes: number, done: () => void): void {
    add({
      record, bytes,
      settle(answer) {
        if ('refused' in answer) noteRefused(record, answer.refused)
        done()
      },
    })
  }

  function toTravelling(record: LedgerRecord): { readonly record: TravellingRecord; readonly text: string; readonly bytes: number } {
    const travelling = { ...record, id: randomUUID(), takenAt: new Date(clock.now()).toISOString() }
    let value: string | undefined
    try {
      value = JSON.stringify(record.value)
    } catch (cause) {
      throw fault('ledger.value', { ledger: record.ledger }, cause)
    }
    if (value === undefined || holdsUnkeepable(value)) throw fault('ledger.value', { ledger: record.ledger })
    if (Buffer.byteLength(value) > recordLimitBytes) throw fault('ledger.too_large', { ledger: record.ledger, limitBytes: recordLimitBytes })
    const text = JSON.stringify(travelling)
    const bytes = Buffer.byteLength(text)
    if (closed || lineBytes + bytes > limitBytes) throw fault('ledger.unavailable')
    return { record: JSON.parse(text) as TravellingRecord, text, bytes }
  }

  function toRefusal(ledger: string, code: string): Fault {
    if (code === 'ledger.too_large') return fault('ledger.too_large', { ledger, limitBytes: recordLimitBytes })
    return fault(code === 'ledger.value' ? 'ledger.value' : 'ledger.refused', { ledger })
  }

  function noteRefused({ ledger, flow, node }: TravellingRecord, code: string): void {
    refused++
    log.error({ ledger, flow, node, code }, 'a record that was handed over later was not taken into its ledger')
  }

  return {
    async append(given, { deadline, signal }) {
      const { record, bytes } = toTravelling(given)
      return await new Promise<LedgerPlace>((resolve, reject) => {
        const end = (done: () => void) => {
          cancel()
          signal?.removeEventListener('abort', withdraw)
          done()
        }
        const item: Item = {
          record, bytes,
          settle: (answer) => end(() => ('refused' in answer ? reject(toRefusal(record.ledger, answer.refused)) : resolve(answer))),
        }
        const withdraw = () => {
          leave(item)
          end(() => reject(fault('ledger.unavailable')))
        }
        const cancel = clock.setTimer(withdraw, Math.max(0, deadline - clock.now()))
        if (signal?.aborted) return withdraw()
        signal?.addEventListener('abort', withdraw, { once: true })
        add(item)
      })
    },
    async appendSoon(given) {
      const { record, text, bytes } = toTravelling(given)
      lineBytes += bytes // what is being written counts already
      try {
        const written = await (await openedJournal()).write(text)
        addWritten(record, bytes, written.done)
        return { id: record.id }
      } catch (thrown) {
        log.error({ reason: (thrown as NodeJS.ErrnoException).code ?? 'unknown' }, 'the journal of records cannot be written to')
        throw fault('ledger.unavailable', {}, thrown)
      } finally {
        lineBytes -= bytes
      }
    },
    queue: {
      peek(limit, mostBytes) {
        const records: TravellingRecord[] = []
        let bytes = 0
        for (const item of line) {
          if (records.length >= limit || (records.length > 0 && bytes + item.bytes > mostBytes)) break
          records.push(item.record)
          bytes += item.bytes
        }
        return records
      },
      answered(records, answers) {
        // What was looked at stands at the front still, but for what was withdrawn meanwhile.
        const byId = new Map<string, Item>()
        for (const item of line) {
          if (byId.size >= records.length) break
          byId.set(item.record.id, item)
        }
        for (const [place, { id }] of records.entries()) {
          const item = byId.get(id)
          const answer = answers[place]
          if (!item || !answer) continue
          leave(item)
          item.settle(answer)
        }
      },
      onWaiting(listener) {
        tell = listener
        if (line.size > 0) listener()
      },
    },
    get waiting() {
      return line.size
    },
    get refused() {
      return refused
    },
    async open() {
      if (!existsSync(join(folder, 'ledger'))) return // nothing was ever written down here
      try {
        const opened = await openedJournal()
        if (opened.damaged > 0) log.error({ records: opened.damaged }, 'records in the journal were damaged on the disk and are lost; the files that held them end with .damaged')
        for (const { record, bytes, done } of opened.takeLeft()) addWritten(record, bytes, done)
      } catch (thrown) {
        log.error({ reason: (thrown as NodeJS.ErrnoException).code ?? 'unknown' }, 'the journal of records cannot be read')
      }
    },
    async close() {
      closed = true
      for (const item of line) leave(item)
      await (await journal?.catch(() => undefined))?.close()
    },
  }
}

/** Where nothing is to be recorded: flows that are tried out. Numbers count from 1, and everything is forgotten. */
export function createTrialLedger(): Ledger {
  const numbers = new Map<string, number>()
  return {
    async append({ ledger }) {
      const number = (numbers.get(ledger) ?? 0) + 1
      numbers.set(ledger, number)
      return { ledger, number, hash: '0'.repeat(64) }
    },
    appendSoon: async () => ({ id: randomUUID() }),
  }
}
