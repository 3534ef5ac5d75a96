import { randomFillSync } from 'node:crypto'

const poolBytes = 2048

/** Ids of traces and spans (W3C Trace Context §3.2.2): random, cut from a text of many, never nothing but zeros. */
export function createIds(): { traceId(): string; spanId(): string } {
  const pool = Buffer.alloc(poolBytes)
  let text = ''
  let at = 0

  function take(digits: number): string {
    for (;;) {
      if (at + digits > text.length) {
        text = randomFillSync(pool).toString('hex')
        at = 0
      }
      const id = text.slice(at, at + digits)
      at += digits
      if (id.charCodeAt(0) !== 0x30 || !/^0+$/.test(id)) return id
    }
  }
  return { traceId: () => take(32), spanId: () => take(16) }
}
