import type { Clock } from '../../runtime/core/time/clock.ts'
import { customerNetwork } from '../../runtime/core/access/customer-network.ts'
import type { Run } from '../../runtime/core/run.ts'
import { whenAborted } from '../../runtime/core/when-aborted.ts'
import { BoundedMap } from '../../runtime/core/bounded-map.ts'

const addresses = 10_000
const forgottenMs = 15 * 60_000
const freeFailures = 3
const firstMs = 250
const longestMs = 4_000
const waitingPerAddress = 16
const waitingAtAll = 1_000
/** Guesses of an address that are looked at: so many at once, then one each `betweenMs`. */
const guessesAtOnce = 20
const betweenMs = 250
/** Left of the run's deadline for the answer itself. */
const reserveMs = 250

/**
 * Makes guessing slow: each failed sign-in of an address is answered later than the one before, and of many at once only
 * some are looked at. Names have no count of their own, so a victim whose name is being tried from elsewhere notices nothing;
 * one behind the same address goes on with what was right from there before, and a new one gets its turn among the guesses.
 */
export interface SlowDown {
  /** Notes a failure; resolves when it may be answered. `false`: too many wait, answer at once that there are too many. */
  failed(address: string, run: Run): true | Promise<true> | false
  /** Whether a credential may be looked at now; `mark` tells it from others without giving it away. */
  mayTry(address: string, mark: string): boolean
  /** Notes that a credential was right. Costs nothing while nobody fails. */
  proved(address: string, mark: string): void
  /** Failures that are remembered of an address. */
  failures(address: string): number
}

/** One for all auth nodes of a gateway. */
export function createSlowDown(clock: Clock): SlowDown {
  /** `restMs`: when the address has all its guesses again (GCRA). */
  const known = new BoundedMap<{ count: number; atMs: number; restMs: number }>(addresses)
  const right = new BoundedMap<true>(addresses)
  const waiting = new Map<string, number>()
  let all = 0

  function count(key: string, nowMs: number): number {
    const before = known.get(key)
    return before && nowMs - before.atMs < forgottenMs ? before.count : 0
  }

  return {
    mayTry(address, mark) {
      if (known.size === 0) return true
      const key = customerNetwork(address)
      const before = known.get(key)
      if (!before || before.restMs - clock.elapsed() < guessesAtOnce * betweenMs) return true
      return right.get(`${key} ${mark}`) === true
    },
    proved(address, mark) {
      if (known.size === 0) return
      const key = customerNetwork(address)
      if (count(key, clock.elapsed()) > 0) right.set(`${key} ${mark}`, true)
    },
    failures: (address) => count(customerNetwork(address), clock.elapsed()),
    failed(address, run) {
      const key = customerNetwork(address)
      const nowMs = clock.elapsed()
      const times = count(key, nowMs) + 1
      known.set(key, { count: times, atMs: nowMs, restMs: Math.max(known.get(key)?.restMs ?? nowMs, nowMs) + betweenMs })
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
