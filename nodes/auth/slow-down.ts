import type { Clock } from '../../runtime/core/clock.ts'
import type { Run } from '../../runtime/core/run.ts'
import { whenAborted } from '../../runtime/core/when-aborted.ts'
import { toPlainAddress } from '../../runtime/core/networks.ts'
import { BoundedMap } from './bounded-map.ts'

const addresses = 10_000
const forgottenMs = 15 * 60_000
const freeFailures = 3
const firstMs = 250
const longestMs = 4_000
const waitingPerAddress = 16
const waitingAtAll = 1_000
/** Left of the run's deadline for the answer itself. */
const reserveMs = 250

/**
 * Makes guessing slow: each failed sign-in of an address is answered later than the one before. Nothing is ever refused
 * that is right, whoever failed before: a victim whose name is being tried notices nothing.
 */
export interface SlowDown {
  /** Notes a failure; resolves when it may be answered. `false`: too many wait, answer at once that there are too many. */
  failed(address: string, run: Run): true | Promise<true> | false
  /** Failures that are remembered of an address. */
  failures(address: string): number
}

export function createSlowDown(clock: Clock): SlowDown {
  const known = new BoundedMap<{ count: number; atMs: number }>(addresses)
  const waiting = new Map<string, number>()
  let all = 0

  function count(key: string, nowMs: number): number {
    const before = known.get(key)
    return before && nowMs - before.atMs < forgottenMs ? before.count : 0
  }

  return {
    failures: (address) => count(addressKey(address), clock.elapsed()),
    failed(address, run) {
      const key = addressKey(address)
      const nowMs = clock.elapsed()
      const times = count(key, nowMs) + 1
      known.set(key, { count: times, atMs: nowMs })
      if (times <= freeFailures) return true
      const mine = waiting.get(key) ?? 0
      if (mine >= waitingPerAddress || all >= waitingAtAll) return false
      const delayMs = Math.min(firstMs * 2 ** Math.min(times - freeFailures - 1, 10), longestMs, run.deadline - clock.now() - reserveMs)
      if (delayMs <= 0) return true
      waiting.set(key, mine + 1)
      all += 1
      return new Promise((resolve) => {
        let open = true
        const done = () => {
          if (!open) return
          open = false
          cancel()
          stopListening()
          all -= 1
          const left = (waiting.get(key) ?? 1) - 1
          if (left === 0) waiting.delete(key)
          else waiting.set(key, left)
          resolve(true)
        }
        let stopListening = () => {}
        const cancel = clock.setTimer(done, delayMs)
        stopListening = whenAborted(run, done)
        if (!open) stopListening()
      })
    },
  }
}

/** Whom an address stands for: an IPv6 client has a whole /64. */
export function addressKey(address: string): string {
  const plain = toPlainAddress(address)
  if (!plain.includes(':')) return plain
  const [head, tail] = plain.toLowerCase().split('::') as [string, string | undefined]
  const front = head === '' ? [] : head.split(':')
  const back = tail === undefined || tail === '' ? [] : tail.split(':')
  const groups = [...front, ...Array.from({ length: tail === undefined ? 0 : Math.max(0, 8 - front.length - back.length) }, () => '0'), ...back]
  return groups.slice(0, 4).map((group) => group.replace(/^0+(?=.)/, '')).join(':')
}
