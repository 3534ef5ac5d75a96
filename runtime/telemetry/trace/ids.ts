import { randomFillSync } from 'node:crypto'

const poolBytes = 8192

/** Ids of traces and spans (W3C Trace Context §3.2.2): random, made by the thousand, never nothing but zeros. */
export function createIds(): { traceId(): string; spanId(): string } {
  const pool = Buffer.alloc(poolBytes)
  let at = poolBytes

  function take(bytes: number): string {
    for (;;) {
      if (at + bytes > poolBytes) {
        randomFillSync(pool)
        at = 0
      }
      const id = pool.toString('hex', at, at + bytes)
      at += bytes
      if (!/^0+$/.test(id)) return id
    }
  }
  return { traceId: () => take(16), spanId: () => take(8) }
}
