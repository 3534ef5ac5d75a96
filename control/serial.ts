import { Refused } from './contract.ts'

/** Runs work in order of arrival, `atOnce` at a time; more than `waiting` in line are Refused `control.busy` 503. */
export function createSerial(atOnce = 1, waiting = 1000) {
  let running = 0
  const line: (() => void)[] = []
  return async function inTurn<T>(work: () => Promise<T>): Promise<T> {
    if (running >= atOnce) {
      if (line.length >= waiting) throw new Refused('control.busy', 503, 'Too much is going on at once. Try again in a moment.')
      await new Promise<void>((resolve) => line.push(resolve))
    } else {
      running++
    }
    try {
      return await work()
    } finally {
      const next = line.shift()
      if (next) next() // the place is handed on, so `running` stays
      else running--
    }
  }
}
