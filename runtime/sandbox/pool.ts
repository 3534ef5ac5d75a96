import type { Clock } from '../core/time/clock.ts'
import { createBatcher, type Batcher } from './batcher.ts'
import type { CpuTime } from './cpu-time.ts'
import { createGuest, type Guest } from './guest.ts'
import type { GuestSource } from './guest-source.ts'
import { createLane, type Lane } from './lane.ts'

/** The isolates of one owner. Those of the serving thread and those with a thread of their own are never the same: an isolate has one lock. */
export interface OwnerPool {
  /** An isolate on its own thread, shared. */
  lane(): Lane
  /** For large inputs only: nobody else's call is in it when it dies. */
  largeLane(): Lane
  /** For one unit that hit a limit before. */
  ownLane(key: string): Lane
  dropOwn(key: string): void
  /** The serving thread's isolate with room for one more context. */
  batcher(): Promise<Batcher>
  /** The serving thread's isolate for expressions. */
  syncGuest(): Guest
  close(): void
}

export interface PoolOptions {
  readonly source: GuestSource
  readonly clock: Clock
  readonly isolatesPerOwner: number
  readonly heapMb: number
  readonly cpu: CpuTime
}

/** Beyond this many contexts another isolate is opened, whatever the pool's size: contexts fill the heap. */
const contextsPerGuest = 96
/** More units than this with isolates of their own have to share. */
const mostOwn = 16

export function createOwnerPool(options: PoolOptions): OwnerPool {
  const { source, clock, heapMb, cpu } = options
  const laneCount = Math.max(1, Math.floor(options.isolatesPerOwner / 2))
  const lanes: Lane[] = []
  const batchers: { guest: Guest; batcher: Promise<Batcher> }[] = []
  const own = new Map<string, Lane>()
  const guests = new Set<Guest>()
  let large: Lane | undefined

  const open = (): Guest => {
    for (const guest of guests) if (guest.dead) guests.delete(guest)
    const guest = createGuest(source, heapMb)
    guests.add(guest)
    return guest
  }
  const openLane = (): Lane => createLane(open(), clock)
  const alive = <T extends { guest: Guest }>(list: T[]): void => {
    for (let i = list.length - 1; i >= 0; i--) if ((list[i] as T).guest.dead) list.splice(i, 1)
  }
  const lightest = <T extends { guest: Guest }>(list: T[]): T | undefined =>
    list.reduce<T | undefined>((best, one) => (best && best.guest.load <= one.guest.load ? best : one), undefined)

  return {
    lane() {
      alive(lanes)
      const best = lightest(lanes)
      if (best && (best.guest.load === 0 || (lanes.length >= laneCount && best.guest.load < contextsPerGuest))) return best
      const lane = openLane()
      lanes.push(lane)
      return lane
    },
    largeLane() {
      if (!large || large.guest.dead) large = openLane()
      return large
    },
    ownLane(key) {
      let lane = own.get(key)
      if (lane && !lane.guest.dead) return lane
      if (!lane && own.size >= mostOwn) {
        const shared = [...own.values()][own.size - 1] as Lane
        if (!shared.guest.dead) return shared
      }
      lane = openLane()
      own.set(key, lane)
      return lane
    },
    dropOwn(key) {
      const lane = own.get(key)
      own.delete(key)
      if (lane && ![...own.values()].includes(lane)) lane.guest.dispose()
    },
    batcher() {
      alive(batchers)
      const room = batchers.find((one) => one.guest.load < contextsPerGuest) // full ones first: the fewer isolates, the larger the batches
      if (room) return room.batcher
      const guest = open()
      const made = { guest, batcher: createBatcher(source, guest, cpu) }
      made.batcher.catch(() => {}) // whoever waits for it is told; nobody may be waiting when the sandbox closes
      batchers.push(made)
      return made.batcher
    },
    syncGuest() {
      alive(batchers)
      if (batchers.length === 0) void this.batcher()
      return (batchers[0] as { guest: Guest }).guest
    },
    close() {
      for (const guest of guests) guest.dispose()
      guests.clear()
    },
  }
}
