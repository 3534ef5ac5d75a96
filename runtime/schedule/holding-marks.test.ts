import { randomBytes } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createHoldingMarks } from './holding-marks.ts'

const still = { elapsed: () => 0 }

describe('marks of held lines', () => {
  it('are known for their line only, by gateways with the same key only', () => {
    const [a, b, stranger] = [createHoldingMarks(still), createHoldingMarks(still), createHoldingMarks(still)]
    const key = randomBytes(32)
    a.useKey(key)
    b.useKey(key)
    const id = a.idOf('cluster', 'host')
    const header = a.toHeader([id], undefined)
    expect([a.isHeld(id, header), b.isHeld(b.idOf('cluster', 'host'), header), stranger.isHeld(id, header)]).toEqual([true, true, false])
    expect(b.isHeld(b.idOf('cluster', 'other'), header)).toBe(false)
    expect(b.isHeld(b.idOf('gateway', 'host'), a.toHeader([a.idOf('gateway', 'host')], undefined))).toBe(false)
  })

  it('say nothing of the line and are others after a second, for everybody who makes them', () => {
    let nowMs = 0
    const marks = createHoldingMarks({ elapsed: () => nowMs })
    const id = marks.idOf('gateway', 'secret-host')
    const one = marks.toHeader([id], undefined)
    nowMs += 1000
    expect(marks.toHeader([id], undefined)).not.toBe(one)
    expect(createHoldingMarks(still).toHeader([id], undefined)).not.toBe(one)
    expect(one).not.toContain('secret')
  })

  it('go on through flows that hold nothing themselves, and end somewhere', () => {
    const marks = createHoldingMarks(still)
    const first = marks.idOf('gateway', 'first')
    let header = marks.toHeader([first], undefined)
    header = marks.toHeader(undefined, header)
    header = marks.toHeader([marks.idOf('gateway', 'second')], header)
    expect(marks.isHeld(first, header)).toBe(true)
    for (let i = 0; i < 100; i += 1) header = marks.toHeader([first], header)
    expect(header?.length).toBeLessThan(500)
  })

  it('are looked for in whatever is sent, without harm', () => {
    const marks = createHoldingMarks(still)
    fc.assert(fc.property(fc.oneof(fc.string(), fc.array(fc.string()), fc.string({ minLength: 27, maxLength: 27 })), (text) => {
      expect(marks.isHeld(marks.idOf('gateway', 'x'), text)).toBe(false)
      const header = marks.toHeader(undefined, text)
      expect(header === undefined || /^[\w,-]+$/.test(header)).toBe(true)
    }))
  })
})
