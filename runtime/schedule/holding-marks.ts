import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto'
import { BoundedMap } from '../core/bounded-map.ts'
import type { Holding } from '../core/lines/holding.ts'
import { keyOfBytes } from '../core/secrets/key-of-bytes.ts'

const nonceBytes = 8
const macBytes = 12
const markLength = Math.ceil(((nonceBytes + macBytes) * 4) / 3)
/** Marks of one header: a way through more lines than that is told at its end that it is too long by waiting. */
const mostMarks = 16
/** A mark goes along with all calls of so long: made for each, it would be a tenth of what such a call costs. */
const freshMs = 1000
/** Lines whose mark is kept. */
const keptMarks = 1000

export interface HoldingMarks extends Holding {
  /** The key that all gateways have in common. Before, the marks of this gateway are known to itself alone. */
  useKey(key: Buffer): void
}

/** Makes and knows marks. */
export function createHoldingMarks(clock: { elapsed(): number }): HoldingMarks {
  let key = keyOfBytes(randomBytes(32))
  const made = new BoundedMap<{ readonly mark: string; readonly untilMs: number }>(keptMarks)
  const self = randomBytes(9).toString('base64url')

  function mac(nonce: Buffer, id: string): Buffer {
    return createHmac('sha256', key).update(nonce).update(id).digest().subarray(0, macBytes)
  }

  function markOf(id: string): string {
    const nowMs = clock.elapsed()
    const last = made.get(id)
    if (last && nowMs < last.untilMs) return last.mark
    const nonce = randomBytes(nonceBytes)
    const mark = Buffer.concat([nonce, mac(nonce, id)]).toString('base64url')
    made.set(id, { mark, untilMs: nowMs + freshMs })
    return mark
  }

  return {
    useKey(given) {
      key = keyOfBytes(given)
      made.clear()
    },
    idOf: (scope, name) => (scope === 'cluster' ? `cluster/${name}` : `${self}/${name}`),
    toHeader(held, passed) {
      const marks = held === undefined ? [] : held.slice(0, mostMarks).map(markOf)
      if (passed !== undefined) marks.push(...marksOf(passed).slice(0, mostMarks - marks.length))
      return marks.length === 0 ? undefined : marks.join(',')
    },
    isHeld(id, passed) {
      if (passed === undefined) return false
      return marksOf(passed).some((mark) => {
        const bytes = Buffer.from(mark, 'base64url')
        return bytes.length === nonceBytes + macBytes && timingSafeEqual(bytes.subarray(nonceBytes), mac(bytes.subarray(0, nonceBytes), id))
      })
    },
  }
}

/** What may be marks; anybody can send the header. */
function marksOf(passed: string | string[]): string[] {
  return String(passed).slice(0, mostMarks * (markLength + 2)).split(',').map((mark) => mark.trim()).filter((mark) => mark.length === markLength && /^[\w-]+$/.test(mark)).slice(0, mostMarks)
}
