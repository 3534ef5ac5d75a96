import type { StateCache } from '../core/state/cache.ts'
import type { Clock } from '../core/time/clock.ts'
import type { Charge, ChargeOutcome, CounterCharge, LimitState, State } from '../core/state/state.ts'
import { CounterCell, LeaseCell, RateCell, RollingCell, TotalCell, WindowCell, type Cell } from './cells.ts'
import { createMemoryCache } from './memory-cache.ts'
import { createMemoryRecords } from './memory-records.ts'
import { cellKey, checkCharge, createCellNames, sliceWidth } from './cell-key.ts'
import type { StoredTotal, Totals } from './totals.ts'

export interface MemoryStateOptions {
  readonly clock: Pick<Clock, 'now'>
  /** Most that records may hold together. Default: 256 MB. */
  readonly recordsLimitBytes?: number
  /** Most that cached values may hold together. Default: 64 MB. */
  readonly cacheLimitBytes?: number
  /** In place of a cache in memory. */
  readonly cache?: StateCache
  /** Keeps the counts that never end. Absent: they end with the process, and may go for want of room as others do. */
  readonly totals?: Totals
  /** About how many counts and rates there may be at once, whatever keys callers invent. Default: a million. */
  readonly cellsLimit?: number
  /** Told of a count that began anew before its time (`evicted`), and of records that found no room (`full`, whose). */
  readonly onPressure?: (what: 'evicted' | 'full', owner: string) => void
}

const defaultCellsLimit = 1_000_000

/** State of one gateway alone: `charge` answers at once, everything but totals ends with the process. Starts no timer by itself. */
export function createMemoryState({ clock, recordsLimitBytes, cacheLimitBytes, cache, totals, cellsLimit = defaultCellsLimit, onPressure }: MemoryStateOptions): State & { /** Counts, rates and leases that are kept. */ readonly cells: number } {
  const cells = new Map<string, Cell>()
  const names = createCellNames()
  let walker = cells.entries()
  /** Cells by what they count for: a node or a name that nodes share. */
  const shares = new Map<string, number>()

  function make(one: Charge, key: string, nowMs: number): Cell {
    const cell = makeCell(one, nowMs, totals)
    cells.set(key, cell)
    const owner = ownerOf(key)
    shares.set(owner, (shares.get(owner) ?? 0) + 1)
    return cell
  }

  function drop(key: string): void {
    cells.delete(key)
    const owner = ownerOf(key)
    const left = (shares.get(owner) ?? 1) - 1
    if (left === 0) shares.delete(owner)
    else shares.set(owner, left)
  }

  function cellOf(one: Charge, nowMs: number): Cell {
    const key = names.of(one, nowMs)
    return cells.get(key) ?? make(one, key, nowMs)
  }

  /** Above the limit counts go before their time, those of whoever has more than an equal part. Leases stay, runs hold them. */
  function mustGo(key: string, cell: Cell): boolean {
    if (cells.size <= cellsLimit || cell instanceof LeaseCell) return false
    const owner = ownerOf(key)
    if ((shares.get(owner) ?? 0) <= cellsLimit / shares.size) return false
    // It is read again when it is charged again.
    if (totals && cell instanceof TotalCell) return true
    onPressure?.('evicted', owner)
    return true
  }

  /**
   * Some old cells are looked at for each new one, so that what has expired goes as fast as anything comes. A count that begins
   * anew is less than a gateway that falls.
   */
  function sweep(made: number, nowMs: number): void {
    const most = made * (cells.size > cellsLimit ? 8 : 2)
    for (let looked = 0; looked < most; looked++) {
      const next = walker.next()
      if (next.done === true) {
        walker = cells.entries()
        return
      }
      const [key, cell] = next.value
      if (cell.expiresAtMs <= nowMs || mustGo(key, cell)) drop(key)
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
    for (let place = 0; place < charges.length; place += 1) {
      const one = charges[place] as Charge
      const cell = cellOf(one, nowMs)
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

  const records = createMemoryRecords({ clock, limitBytes: recordsLimitBytes ?? 256 * 1024 * 1024, ...(onPressure ? { onFull: (owner) => onPressure('full', owner) } : {}) })
  const caches = createMemoryCache({ clock, limitBytes: cacheLimitBytes ?? 64 * 1024 * 1024 })
  const owned = new Map<string, State>()
  const state: State & { readonly cells: number } = {
    healthy: true,
    now: () => clock.now(),
    get cells() {
      return cells.size
    },
    charge,
    refund(charges, chargedAtMs) {
      const nowMs = clock.now()
      for (const one of charges) {
        const cell = totals && one.kind === 'counter' && one.window.kind === 'total' ? cellOf(one, nowMs) : cells.get(cellKey(one, chargedAtMs ?? nowMs))
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
      const cell = cellOf(one, nowMs) as CounterCell
      cell.turnTo(nowMs)
      cell.adjust(one.limit, op, amount, nowMs)
      return cell.stateOf(one, fitsNow(cell, one), nowMs)
    },
    records: records.of(''),
    cache: cache ?? caches.of(''),
    of(owner) {
      let own = owned.get(owner)
      if (!own) owned.set(owner, (own = { ...state, records: records.of(owner), cache: cache ?? caches.of(owner) }))
      return own
    },
    async close() {
      cells.clear()
      shares.clear()
      caches.clear()
      totals?.close()
    },
  }
  return state
}

function fitsNow(cell: CounterCell, one: CounterCharge): boolean {
  const fits = cell.take({ ...one, mode: 'peek' })
  cell.settle(false, 0)
  return fits
}

/** The first two parts of a key without its window: `quota/orders` of `f60000:quota/orders/application:shop`. */
function ownerOf(key: string): string {
  const start = key.indexOf(':') + 1
  const first = key.indexOf('/', start)
  const second = first === -1 ? -1 : key.indexOf('/', first + 1)
  return key.slice(start, second === -1 ? undefined : second)
}

const nothingStored: StoredTotal = { used: 0, whole: true }

function makeCell(one: Charge, nowMs: number, totals: Totals | undefined): Cell {
  if (one.kind === 'rate') return new RateCell()
  if (one.kind === 'lease') return new LeaseCell()
  const { window } = one
  if (window.kind === 'total') return new TotalCell(() => totals?.read(one.key) ?? nothingStored, (change) => totals?.add(one.key, change))
  if (window.kind === 'rolling') return new RollingCell(window.lengthMs, sliceWidth(window))
  return new WindowCell(window, window.kind === 'calendar' ? window.boundsAt(nowMs) : { startMs: 0, endMs: 0 })
}

function stateOf(cell: Cell, one: Charge, allowed: boolean, nowMs: number): LimitState {
  if (one.kind === 'rate') return (cell as RateCell).stateOf(one, allowed, nowMs)
  if (one.kind === 'lease') return (cell as LeaseCell).stateOf(one, allowed, nowMs)
  return (cell as CounterCell).stateOf(one, allowed, nowMs)
}
