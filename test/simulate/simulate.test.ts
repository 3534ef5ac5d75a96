import { describe, expect, it } from 'vitest'
import { systemClock } from '../../runtime/core/time/clock.ts'
import { defaultWeights, type LinePolicy, type Place } from '../../runtime/core/lines/lines.ts'
import type { Priority } from '../../runtime/core/lines/priority.ts'
import { TimedLine } from '../../runtime/schedule/line/timed-line.ts'
import { type Simulation, simulate } from './simulate.ts'

const policy: LinePolicy = { order: 'strict', slots: 20, ageingShare: 0.05, weights: defaultWeights, maxDepth: 10_000 }
const busy: Simulation = {
  gateways: 1, scope: 'gateway', policy, perSecond: 800, seconds: 30, maxWaitMs: 2000, seed: 1, service: { ms: 50, fixed: true },
  classes: [{ priority: 0, percent: 10 }, { priority: 5, percent: 30 }, { priority: 9, percent: 60 }],
}

describe('the simulator', () => {
  it('gives the same output for the same input, to the bit', () => {
    expect(simulate(busy)).toEqual(simulate(busy))
    expect(simulate(busy)).not.toEqual(simulate({ ...busy, seed: 2 }))
  })

  it('keeps a backend busy that is offered twice what it can do, refuses no VIP, and lets the unimportant have their part', () => {
    const { capacityUsed, classes: [vip, middle, low] } = simulate(busy)
    expect(capacityUsed).toBeGreaterThan(0.97)
    expect(vip).toMatchObject({ refused: 0 })
    expect(vip!.p99Ms).toBeLessThan(0.8 * 50)
    expect(middle!.p99Ms).toBeLessThan(low!.p99Ms)
    expect(low!.served / (400 * 30)).toBeGreaterThan(0.05)
    expect(low!.longestMs).toBeLessThanOrEqual(2000)
  })

  it('lets the unimportant and those between have their share, also when the important ones alone are too many', () => {
    const flood = simulate({ ...busy, classes: [{ priority: 0, percent: 70 }, { priority: 5, percent: 15 }, { priority: 9, percent: 15 }] })
    const [vip, middle, low] = flood.classes.map(({ served }) => served / (400 * 30))
    expect(low).toBeGreaterThan(0.045)
    expect(middle).toBeGreaterThan(0.045)
    expect(vip).toBeGreaterThan(0.85)
    expect(flood.capacityUsed).toBeGreaterThan(0.97)
  })

  it('finds less waste where all gateways share one line than where each has its part', () => {
    const many = { ...busy, gateways: 10, policy: { ...policy, slots: 40 }, perSecond: 720, service: { ms: 50, fixed: false } }
    const apart = simulate({ ...many, scope: 'gateway' })
    const together = simulate({ ...many, scope: 'cluster', grantMs: 1 })
    expect(together.classes[0]!.p99Ms).toBeLessThan(apart.classes[0]!.p99Ms)
  })

  it('says what a live line does: the same arrivals on the real clock are served in the same parts', async () => {
    const line = new TimedLine({ name: 'live', scope: 'gateway', policy: { ...policy, slots: 4 } }, systemClock)
    const input: Simulation = { ...busy, policy: { ...policy, slots: 4 }, perSecond: 400, seconds: 2, maxWaitMs: 200, service: { ms: 20, fixed: true } }
    const served = new Map<number, number>()
    const sent = new Map<number, number>()
    const held: Promise<void>[] = []
    let serviceMs = 0
    const began = performance.now()
    for (let number = 0; performance.now() - began < input.seconds * 1000; number += 1) {
      const priority = (number % 10 === 0 ? 0 : number % 10 < 4 ? 5 : 9) as Priority
      sent.set(priority, (sent.get(priority) ?? 0) + 1)
      held.push(new Promise((resolve) => {
        const settle = (place: Place) => {
          if (place.state !== 'admitted') return resolve()
          served.set(priority, (served.get(priority) ?? 0) + 1)
          const startedMs = performance.now()
          setTimeout(() => {
            serviceMs += performance.now() - startedMs
            line.leave(place)
            resolve()
          }, input.service.ms)
        }
        const place = line.enter(priority, input.maxWaitMs, settle)
        if (place.state !== 'waiting') settle(place)
      }))
      // Arrivals keep to the clock, however late a timer is.
      while (performance.now() - began < ((number + 1) * 1000) / input.perSecond) await new Promise((resolve) => setTimeout(resolve, 1))
    }
    const seconds = (performance.now() - began) / 1000
    await Promise.all(held)
    // However busy the machine is: as many came, and took as long.
    const simulated = simulate({ ...input, seconds, perSecond: held.length / seconds, service: { ms: serviceMs / served.values().reduce((sum, count) => sum + count, 0), fixed: true } })
    for (const { priority, served: expected, sent: all } of simulated.classes) {
      expect(Math.abs((served.get(priority) ?? 0) / (sent.get(priority) ?? 1) - expected / all)).toBeLessThan(0.2)
    }
    line.close()
  })
})
