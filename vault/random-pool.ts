import { randomFillSync } from 'node:crypto'

/** Random bytes, fetched from the system many at a time: one call for a few bytes costs as much as one for thousands. */
export interface RandomPool {
  /** Bytes that nobody gets again. */
  take(bytes: number): Buffer
  /** 0 … below − 1, each as likely as the others; `below` at most 65,536. */
  below(below: number): number
}

const poolBytes = 16_384

export function createRandomPool(): RandomPool {
  let pool = Buffer.alloc(0)
  let used = 0
  const take = (bytes: number): Buffer => {
    if (used + bytes > pool.length) {
      // A new one each time: whoever holds a piece of the old one keeps it.
      pool = randomFillSync(Buffer.allocUnsafeSlow(Math.max(poolBytes, bytes)))
      used = 0
    }
    return pool.subarray(used, (used += bytes))
  }
  return {
    take,
    below(below) {
      // Numbers above the last whole multiple are drawn again, or the small ones would come more often.
      const limit = 65_536 - (65_536 % below)
      for (;;) {
        if (used + 2 > pool.length) take(2)
        else used += 2
        const drawn = pool.readUInt16LE(used - 2)
        if (drawn < limit) return drawn % below
      }
    },
  }
}
