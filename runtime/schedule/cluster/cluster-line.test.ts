import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { defaultWeights, type LinePolicy, type Place } from '../../core/lines/lines.ts'
import type { Priority } from '../../core/lines/priority.ts'
import { comeTo, createClusterWorld } from '../../../test/kit/cluster-world.ts'
import { randomOf } from '../../../test/kit/random-of.ts'
import { percentile } from '../../../test/bench/rounds.ts'

const policy = (more: Partial<LinePolicy> = {}): LinePolicy => ({ order: 'strict', slots: 20, ageingShare: 0.05, weights: defaultWeights, maxDepth: 10_000, ...more })
const serviceMs = 50

/** Twice what the slots can do arrives for some seconds at all gateways alike: 10 % of priority 0, 30 % of 5, 60 % of 9. */
async function underLoad(seconds: number, gateways = 4, more: Partial<LinePolicy> = {}) {
  const random = randomOf(7)
  const world = createClusterWorld(gateways, policy(more), () => 0.5 + random())
  const { time } = world
  const waits = new Map<number, number[]>([[0, []], [5, []], [9, []]])
  const facts = { asked: 0, begun: 0, under: 0, most: 0, busyMs: 0, sinceMs: 0, vipRefused: 0 }
  const count = (change: number) => {
    facts.busyMs += facts.under * (time.nowMs - facts.sinceMs)
    facts.sinceMs = time.nowMs
    facts.under += change
    facts.most = Math.max(facts.most, facts.under)
  }
  const arrive = () => {
    facts.asked += 1
    const lot = random() * 100
    const priority: Priority = lot < 10 ? 0 : lot < 40 ? 5 : 9
    const gateway = world.gateways[Math.floor(random() * gateways)]!
    comeTo(gateway, priority, 2000, {
      begun(place) {
        facts.begun += 1
        waits.get(priority)!.push(place.waitedMs)
        count(1)
        time.at(time.nowMs + serviceMs, () => {
          count(-1)
          gateway.line.leave(place)
        })
      },
      refused: () => void (facts.vipRefused += priority === 0 ? 1 : 0),
    })
    time.at(time.nowMs - (Math.log(1 - random()) * 1000) / 800, arrive)
  }
  time.at(0, arrive)
  await time.runUntil(seconds * 1000)
  count(0)
  return { ...facts, world, waits, busy: facts.busyMs / (20 * seconds * 1000) }
}

describe('a line of four gateways, with twice the load that its slots can take', () => {
  test('is busy, lets VIP wait less than a service time, keeps the order of the classes, and asks Redis less than once per turn', async () => {
    const { busy, most, vipRefused, waits, world, begun } = await underLoad(3)
    const p99 = (priority: number) => percentile(waits.get(priority)!, 99)
    expect(most).toBe(20)
    expect(vipRefused).toBe(0)
    expect(busy).toBeGreaterThan(0.96)
    expect(p99(0)).toBeLessThan(0.8 * serviceMs)
    expect([p99(0) < p99(5), p99(5) < p99(9)]).toEqual([true, true])
    expect(waits.get(9)!.length / begun).toBeGreaterThan(0.05)
    expect(world.queue.asked.values().reduce((sum, count) => sum + count, 0)).toBeLessThan(begun)
    expect(world.told.slots).toBeLessThan(begun / 2)
  })
})

describe('a line of one gateway', () => {
  test('gives thousands their turn that give it back at once', async () => {
    const { time, gateways: [gateway] } = createClusterWorld(1, policy({ slots: 1 }), () => 0.5)
    let begun = 0
    const through = (place: Place) => {
      begun += 1
      gateway!.line.leave(place)
    }
    await time.runUntil(10)
    for (let at = 0; at < 5000; at += 1) comeTo(gateway!, 5, 100_000, { begun: through, refused: () => {} })
    await time.runUntil(1000)
    expect(begun).toBe(5000)
  })
})

describe('a line that gateways share, whatever happens in whatever order', () => {
  const gapMs = fc.constantFrom(0, 0, 1, 4, 9, 30)
  const callers = fc.record({ do: fc.constant('come' as const), gapMs, at: fc.nat(2), count: fc.integer({ min: 1, max: 4 }), priority: fc.constantFrom<Priority>(0, 5, 9), patienceMs: fc.constantFrom(30, 100_000, 100_000), serviceMs: fc.constantFrom(1, 12, 40), leavesMs: fc.constantFrom(undefined, undefined, 0, 20) })
  const event = fc.oneof({ weight: 12, arbitrary: callers }, { weight: 1, arbitrary: fc.record({ do: fc.constantFrom('pause' as const, 'resume' as const, 'fewer' as const, 'kill' as const), gapMs }) })

  test.each(['strict', 'weighted', 'deadline'] as const)('never has more under way than its slots, forgets nobody, and loses no slot (%s)', async (order) => {
    await fc.assert(fc.asyncProperty(fc.array(event, { minLength: 10, maxLength: 50 }), fc.integer(), async (events, seed) => {
      const random = randomOf(seed)
      const world = createClusterWorld(3, policy({ order, slots: 3 }), () => random() * 3)
      const { time, gateways } = world
      const under = new Set<Place>()
      const waiting = new Map<Place, number>()
      let [slots, most, mostLater, fewerMs] = [3, 0, 0, Infinity]
      const come = (at: number, { priority, patienceMs, serviceMs: tookMs, leavesMs }: { priority: Priority; patienceMs: number; serviceMs: number; leavesMs: number | undefined }) => {
        const gateway = gateways[at]!
        if (!gateway.isAlive) return
        const settled = (now: Place) => {
          waiting.delete(now)
          if (now.state !== 'admitted' || !gateway.isAlive) return
          under.add(now)
          most = Math.max(most, under.size)
          // What began before there were fewer slots goes on to its end.
          if (time.nowMs > fewerMs + 300) mostLater = Math.max(mostLater, under.size)
          time.at(time.nowMs + tookMs, () => {
            under.delete(now)
            if (gateway.isAlive) gateway.line.leave(now)
          })
        }
        const place = comeTo(gateway, priority, patienceMs, { begun: settled, refused: settled })
        if (place.state !== 'waiting') return
        waiting.set(place, at)
        if (leavesMs === undefined) return
        time.at(time.nowMs + leavesMs, () => {
          if (place.state !== 'waiting' || !gateway.isAlive) return
          waiting.delete(place)
          gateway.line.leave(place)
        })
      }
      await time.runUntil(10)
      for (const one of events) {
        if (one.do === 'come') for (let n = 0; n < one.count; n += 1) come(one.at, one)
        else if (one.do === 'kill') world.kill(2)
        else if (one.do === 'fewer') {
          fewerMs = Math.min(fewerMs, time.nowMs)
          slots = 1
          for (const { line, isAlive } of gateways) if (isAlive) line.setPolicy(policy({ order, slots }))
        } else void gateways[0]!.line[one.do]()
        await time.runUntil(time.nowMs + one.gapMs)
      }
      void gateways[0]!.line.resume()
      await time.runUntil(time.nowMs + 15_000)
      expect({ most: most <= 3, mostLater: mostLater <= slots }).toEqual({ most: true, mostLater: true })
      // Everybody had a turn or an answer, and all slots are free after the last.
      expect([...waiting.values()].filter((at) => gateways[at]!.isAlive)).toEqual([])
      expect(world.queue.active).toBe(0)
      // Tickets of a gateway that died stand there until somebody takes their turn, and gives it on.
      expect(world.queue.waiting.filter((name) => gateways.find((gateway) => gateway.name === name)!.isAlive)).toEqual([])
    }), { numRuns: 6 })
  })
})
