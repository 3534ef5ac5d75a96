import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { GatheredBytes } from './gathered-bytes.ts'

describe('gathered bytes', () => {
  it('are what came, in order, whatever the pieces and whatever was announced', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 9000 }), { maxLength: 12 }), fc.nat(20_000), (pieces, announced) => {
        const gathered = new GatheredBytes(announced)
        for (const piece of pieces) gathered.add(Buffer.from(piece))
        const whole = Buffer.concat(pieces)
        expect(gathered.size).toBe(whole.length)
        expect(gathered.take().equals(whole)).toBe(true)
      }),
    )
  })

  it('hold little more than themselves, however small the pieces are', () => {
    const gathered = new GatheredBytes()
    const piece = Buffer.from('x')
    for (let i = 0; i < 1_000_000; i++) gathered.add(piece)
    expect(gathered.take().buffer.byteLength).toBeLessThan(3_000_000)
  })

  it('leave a single piece as it came', () => {
    const gathered = new GatheredBytes()
    const piece = Buffer.from('all of it')
    gathered.add(piece)
    expect(gathered.take()).toBe(piece)
  })
})
