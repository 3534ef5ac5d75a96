import type { Clock } from '../core/clock.ts'
import type { Charge, ChargeOutcome, CounterCharge, LimitState, State } from '../core/state.ts'
import { CounterCell, LeaseCell, RateCell, RollingCell, WindowCell, type Cell } from './cells.ts'
import { createMemoryRecords } from './memory-records.ts'
import { cellKey, checkCharge, sliceWidth } from './cell-key.ts'

export interface MemoryStateOptions {
  readonly clock: Pick<Clock, 'now'>
  /** Most that records may hold together. Default: 256 MB. */
  readonly recordsLimitBytes?: number
  /** About how many counts and rates there may be at once, whatever keys callers invent. Default: a million. */
  readonly cellsLimit?: number
}

const defaultCellsLimit = 1_000_000

/** State of one gateway alone: `charge` answers at once, everything ends with the process. Starts no timer. */
export function createMemoryState({ clock, recordsLimitBytes, cellsLimit = defaultCellsLimit }: MemoryStateOptions): State & { /** Counts, rates and leases that are kept. */ readonly cells: number } {
  const cells = new Map<string, Cell>()
  let walker = cells.entries()

  /**
   * Two old cells are looked at for each new one, so that what has expired goes as fast as anything comes. Above the limit
   * counts go before their time: a count that begins anew is less than a gateway that falls. Leases stay, runs hold them.
   */
  function sweep(made: number, nowMs: number): void {
    for (let looked = 0; looked < made * 2; looked++) {
      const next = walker.next()
      if (next.done === true) {
        walker = cells.entries()
        return
      }
      const [key, cell] = next.value
      if (cell.expiresAtMs <= nowMs || (cells.size > cellsLimit && !(cell instanceof LeaseCell))) cells.delete(key)
    }
  }

  function charge(charges: readonly Charge[]): ChargeOutcome {
    const nowMs = clock.now()
    const before = cells.size
    const touched: Cell[] = []
    const fits: boolean[] = []
    let refusedBy = -1
    let delayMs = 0
    for (const one of charges) checkCharge(one)
    for (const [place, one] of charges.entries()) {
      const cell = cellOf(cells, one, nowMs)
      touched.push(cell)
      let fit: boolean
      if (one.kind === 'rate') {
        const asked = (cell as RateCell).take(one, nowMs)
        fit = asked >= 0
        delayMs = Math.max(delayMs, asked)
      } else if (one.kind === 'lease') {
        ;(cell as LeaseCell).turnTo(nowMs)
        fit = (cell as LeaseCell).take(one, nowMs)
      } else {
        ;(cell as CounterCell).turnTo(nowMs)
        fit = (cell as CounterCell).take(one)
      }
      fits.push(fit)
      if (!fit && refusedBy < 0 && (one.kind !== 'counter' || one.mode === 'enforce')) refusedBy = place
    }
    const allowed = refusedBy < 0
    for (const cell of touched) cell.settle(allowed, nowMs)
    const limits = charges.map((one, place) => stateOf(touched[place]!, one, fits[place]!, nowMs))
    if (cells.size > before) sweep(cells.size - before, nowMs)
    return { allowed, limits, refusedBy, delayMs: allowed ? delayMs : 0, atMs: nowMs }
  }

  return {
    healthy: true,
    now: () => clock.now(),
    get cells() {
      return cells.size
    },
    charge,
    refund(charges, chargedAtMs) {
      const nowMs = clock.now()
      for (const one of charges) {
        const cell = cells.get(cellKey(one, chargedAtMs ?? nowMs))
        if (cell instanceof LeaseCell && one.kind === 'lease') cell.release(one.token)
        else if (cell instanceof RateCell && one.kind === 'rate') cell.refund(one)
        else if (cell instanceof CounterCell && one.kind === 'counter' && one.mode !== 'peek') {
          cell.turnTo(nowMs)
          cell.refund(one.cost, chargedAtMs)
        }
      }
    },
    release(leases) {
      for (const { key, token } of leases) (cells.get(`l:${key}`) as LeaseCell | undefined)?.release(token)
    },
    async adjust(one, { op, amount }) {
      const nowMs = clock.now()
      const cell = cellOf(cells, one, nowMs) as CounterCell
      cell.turnTo(nowMs)
      cell.adjust(one.limit, op, amount, nowMs)
      return cell.stateOf(one, fitsNow(cell, one), nowMs)
    },
    records: createMemoryRecords({ clock, limitBytes: recordsLimitBytes ?? 256 * 1024 * 1024 }),
    close: async () => cells.clear(),
  }
}

function fitsNow(cell: CounterCell, one: CounterCharge): boolean {
  const fits = cell.take({ ...one, mode: 'peek' })
  cell.settle(false, 0)
  return fits
}

function cellOf(cells: Map<string, Cell>, one: Charge, nowMs: number): Cell {
  const key = cellKey(one, nowMs)
  let cell = cells.get(key)
  if (cell === undefined) cells.set(key, (cell = makeCell(one, nowMs)))
  return cell
}

function makeCell(one: Charge, nowMs: number): Cell {
  if (one.kind === 'rate') return new RateCell()
  if (one.kind === 'lease') return new LeaseCell()
  const { window } = one
  if (window.kind === 'rolling') return new RollingCell(window.lengthMs, sliceWidth(window))
  return new WindowCell(window, window.kind === 'calendar' ? window.boundsAt(nowMs) : { startMs: 0, endMs: 0 })
}

function stateOf(cell: Cell, one: Charge, allowed: boolean, nowMs: number): LimitState {
  if (one.kind === 'rate') return (cell as RateCell).stateOf(one, allowed, nowMs)
  if (one.kind === 'lease') return (cell as LeaseCell).stateOf(one, allowed, nowMs)
  return (cell as CounterCell).stateOf(one, allowed, nowMs)
}
