import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { AdaptiveLimit, type AdaptiveLimitOptions } from './adaptive-limit.ts'

const standard: AdaptiveLimitOptions = { initial: 20, min: 2, max: 1000 }

/**
 * A backend with so many workers, callers that always have one more request, and a gateway that lets in as many as the limit
 * says: a small simulation on a clock of its own.
 */
function simulate(limit: AdaptiveLimit, { seconds, workersAt, serviceMsAt, callers = 2000 }: { seconds: number; workersAt: (ms: number) => number; serviceMsAt: (ms: number) => number; callers?: number }) {
  const under: number[] = [] // start times, first come first served
  const busyUntil: number[] = []
  const seen: { readonly ms: number; readonly limit: number; readonly atOnce: number }[] = []
  let served = 0
  for (let now = 0; now < seconds * 1000; now += 1) {
    while (under.length < Math.min(limit.limit, callers)) under.push(now)
    for (let at = busyUntil.length - 1; at >= 0; at -= 1) {
      if ((busyUntil[at] as number) > now) continue
      busyUntil.splice(at, 1)
      const atOnce = under.length
      const startedMs = under.shift() as number
      served += 1
      limit.note(now - startedMs, atOnce, now)
    }
    while (busyUntil.length < Math.min(workersAt(now), under.length)) busyUntil.push(now + serviceMsAt(now))
    if (now % 100 === 0) seen.push({ ms: now, limit: limit.limit, atOnce: under.length })
  }
  const last = seen.slice(-100)
  return { served, seen, mean: last.reduce((sum, one) => sum + one.limit, 0) / last.length }
}

describe('an adaptive limit', () => {
  it('finds how much a backend can take, from below and from above, and keeps it busy', () => {
    for (const initial of [4, 40, 400]) {
      const limit = new AdaptiveLimit({ ...standard, initial })
      const { mean, served } = simulate(limit, { seconds: 60, workersAt: () => 40, serviceMsAt: () => 50 })
      expect(mean, `from ${initial}`).toBeGreaterThan(36)
      expect(mean, `from ${initial}`).toBeLessThan(120)
      expect(served).toBeGreaterThan(0.85 * 60 * (1000 / 50) * 40)
    }
  })

  it('falls when the backend loses workers, and rises when they come back', () => {
    const limit = new AdaptiveLimit({ ...standard, initial: 40 })
    const { seen } = simulate(limit, { seconds: 180, workersAt: (ms) => (ms > 60_000 && ms < 120_000 ? 10 : 40), serviceMsAt: () => 50 })
    const meanAt = (fromMs: number, toMs: number) => {
      const part = seen.filter(({ ms }) => ms >= fromMs && ms < toMs)
      return part.reduce((sum, one) => sum + one.limit, 0) / part.length
    }
    expect(meanAt(100_000, 120_000)).toBeLessThan(0.6 * meanAt(40_000, 60_000))
    expect(meanAt(160_000, 180_000)).toBeGreaterThan(36)
  })

  it('takes a backend that has become slower as it is, after it was measured at rest', () => {
    const limit = new AdaptiveLimit({ ...standard, initial: 40 })
    const { mean } = simulate(limit, { seconds: 150, workersAt: () => 40, serviceMsAt: (ms) => (ms > 30_000 ? 200 : 50) })
    expect(mean).toBeGreaterThan(30)
  })

  it('does not grow while nobody comes near it', () => {
    const limit = new AdaptiveLimit({ ...standard, initial: 100 })
    simulate(limit, { seconds: 20, workersAt: () => 40, serviceMsAt: () => 50, callers: 5 })
    expect(limit.limit).toBe(100)
  })

  it('takes no sense from times that no request takes', () => {
    const limit = new AdaptiveLimit({ initial: 10, min: 1, max: 100, windowMs: 100, leastSamples: 1, probeEveryMs: 1000 })
    for (let at = 0; at < 20; at += 1) limit.note(1.7e308, 10, at * 200)
    expect([limit.limit, limit.restMs]).toEqual([10, undefined])
  })

  it('stays a whole number within its bounds, whatever it is told', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 50 }), fc.integer({ min: 0, max: 500 }), fc.integer({ min: 1, max: 2000 }),
        fc.array(fc.tuple(fc.oneof(fc.double(), fc.double({ min: 0, max: 1e6 })), fc.integer({ min: 0, max: 5000 }), fc.integer({ min: 0, max: 5000 })), { maxLength: 300 }),
        (min, more, initial, notes) => {
          const limit = new AdaptiveLimit({ initial, min, max: min + more, windowMs: 100, leastSamples: 1, probeEveryMs: 1000 })
          let now = 0
          for (const [tookMs, atOnce, passed] of notes) {
            limit.note(tookMs, atOnce, (now += passed))
            expect(Number.isInteger(limit.limit)).toBe(true)
            expect(limit.limit).toBeGreaterThanOrEqual(min)
            expect(limit.limit).toBeLessThanOrEqual(min + more)
          }
        },
      ),
    )
  })
})
