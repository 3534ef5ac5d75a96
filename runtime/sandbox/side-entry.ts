import type { Clock } from '../core/time/clock.ts'
import type { CpuTime } from './cpu-time.ts'
import type { Guest } from './guest.ts'

/** One entry into an isolate on its own thread: the clock cuts it, processor time judges it. */
export interface SideEntry {
  /** The clock cuts it after this long, ms. */
  readonly wallMs: number
  /** Enters, and notes what it used. */
  run<T>(guest: Guest, enter: (timeout: { readonly timeout: number }) => Promise<T>): Promise<T>
  /** It ended, and had computed longer than it may. */
  overdrawn(): boolean
  /** It was cut, and had not been given the time that it may compute. */
  starved(): boolean
}

/** Makes entries. @param limitMs what one may compute */
export type SideEntries = (limitMs: number) => SideEntry

/**
 * By the clock an entry may take this many times what it may compute: the rest is what a busy machine may keep it waiting.
 * An endless loop has a thread of the pool for so long; then it is known. Cutting early to begin again would cost those that
 * only wait what they have done so far.
 */
export const patience = 4
/** Whoever had this share of its time when it was cut had its time: neither cutting nor counting is exact. */
export const wholeShare = 0.9
/** How often an entry that was given no processor time may begin again. */
export const starvedTries = 2

/**
 * Nobody can say what one thread beside the serving one was given, only what all of them were. Entries that are under way
 * at the same time are taken to share it evenly, as the system's scheduler has them do; an entry used no more than that,
 * and no more than it took.
 */
export function createSideEntries(clock: Clock, cpu: CpuTime): SideEntries {
  let underWay = 0
  let lastMs = 0
  /** What an entry would have used that was under way since the beginning. */
  let shareMs = 0

  function share(): number {
    const nowMs = cpu.ofOthers()
    if (underWay > 0) shareMs += (nowMs - lastMs) / underWay
    lastMs = nowMs
    return shareMs
  }

  return (limitMs) => {
    const wallMs = limitMs * patience
    let usedMs = Infinity
    let alone = false
    return {
      wallMs,
      async run(guest, enter) {
        const undisturbed = guest.watch()
        const beganMs = clock.elapsed()
        const shareBefore = share()
        underWay++
        try {
          return await enter({ timeout: wallMs })
        } finally {
          usedMs = Math.min(share() - shareBefore, clock.elapsed() - beganMs)
          underWay--
          alone = undisturbed()
        }
      },
      overdrawn: () => usedMs > limitMs && alone,
      starved: () => usedMs < limitMs * wholeShare,
    }
  }
}
