import { setTimeout as pause } from 'node:timers/promises'
import type { Guest } from './guest.ts'

/** One entry into an isolate on its own thread: the clock cuts it, processor time judges it. */
export interface SideEntry {
  /** The clock cuts it after this long, ms. */
  readonly wallMs: number
  /** Enters. Whoever waits for it waits until what it used is known. */
  run<T>(guest: Guest, enter: (timeout: { readonly timeout: number }) => Promise<T>): Promise<T>
  /** It ended, and had computed longer than it may. */
  overdrawn(): boolean
  /** It was cut, and had not been given the time that it may compute. */
  starved(): boolean
}

/**
 * By the clock an entry may take this many times what it may compute: the rest is what a busy machine may keep it waiting.
 * An endless loop has a thread of the pool for so long, once or twice; then it is known.
 */
export const patience = 4
/** Whoever had this share of its time when it was cut had its time: cutting is not exact, and collecting garbage has threads of its own. */
export const wholeShare = 0.9
/** How often an entry that was given no processor time may begin again. */
export const starvedTries = 3
/** How long a thread may take to leave an isolate after it gave its result, ms. */
const leavingMs = 100

/** What nobody can notice begins again at once, with more time by the clock at each try. */
export function timesOf(tries: number): number {
  return Math.min(patience, 2 ** tries)
}

/** @param limitMs what it may compute  @param times how many times that it may take by the clock */
export function createSideEntry(limitMs: number, times = patience): SideEntry {
  const wallMs = limitMs * times
  /** What it used, and whether nobody else can have used it; unknown of an isolate that died. */
  let used: { readonly ms: number; readonly alone: boolean } | undefined
  return {
    wallMs,
    async run(guest, enter) {
      const meter = guest.meter()
      try {
        return await enter({ timeout: wallMs })
      } finally {
        // While the thread is still inside, its time since it entered is counted by the clock: too much. Inside nobody, it stands still.
        for (let i = 0; i < leavingMs && !guest.dead; i++) {
          used = { ms: meter.used(), alone: meter.alone() }
          if (used.ms < limitMs * wholeShare || used.ms === meter.used()) break
          await pause(1)
        }
        if (guest.dead) used = undefined
      }
    },
    overdrawn: () => used !== undefined && used.ms > limitMs && used.alone,
    starved: () => used !== undefined && used.ms < limitMs * wholeShare,
  }
}
