import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { defaultWeights, type LinePolicy } from '../../core/lines/lines.ts'
import { type Priority, priorities, zeroPerClass } from '../../core/lines/priority.ts'
import type { Ticket } from './ticket.ts'
import { WaitingLine } from './waiting-line.ts'

/**
 * A naive line beside the real one: a list that is searched from end to end. It says who may begin and who must go, so that
 * every interleaving of coming, leaving, finishing and passing time can be compared.
 */
class NaiveLine {
  readonly waiting: Ticket[] = []
  readonly active = new Set<Ticket>()
  readonly policy: LinePolicy
  lowestCredit = 0
  betweenCredit = 0
  constructor(policy: LinePolicy) {
    this.policy = policy
  }

  /** Tickets that may begin, as far as slots and reserves go. */
  free(ticket: Ticket): boolean {
    const { slots, reserve } = this.policy
    if (this.active.size >= slots) return false
    if (!reserve) return true
    const activeOf = (at: number) => [...this.active].filter(({ priority }) => priority === at).length
    if (activeOf(ticket.priority) < (reserve[ticket.priority] ?? 0)) return true
    const kept = reserve.reduce((sum, count, at) => sum + (at === ticket.priority ? 0 : Math.max(0, count - activeOf(at))), 0)
    return slots - this.active.size > kept
  }

  /** Who is next, by the words of the policy; undefined when nobody may begin. */
  next(): Ticket | undefined {
    const open = this.waiting.filter((ticket) => this.free(ticket))
    if (open.length === 0) return undefined
    const firstOf = (tickets: readonly Ticket[]) => tickets.toSorted((a, b) => a.sequence - b.sequence)[0] as Ticket
    if (this.policy.order === 'deadline') return open.toSorted((a, b) => compare(a.untilMs, b.untilMs) || a.priority - b.priority)[0]
    const top = Math.min(...open.map(({ priority }) => priority))
    const bottom = Math.max(...open.map(({ priority }) => priority))
    if (bottom > top) {
      this.lowestCredit += this.policy.ageingShare
      if (this.lowestCredit >= 1) {
        this.lowestCredit -= 1
        return firstOf(open.filter(({ priority }) => priority === bottom))
      }
      const between = open.filter(({ priority }) => priority > top && priority < bottom)
      if (between.length > 0) {
        this.betweenCredit += this.policy.ageingShare
        if (this.betweenCredit >= 1) {
          this.betweenCredit -= 1
          return firstOf(between)
        }
      }
    }
    return this.waiting.find(({ priority }) => priority === top)
  }
}

const compare = (a: number, b: number): number => (a === b ? 0 : a < b ? -1 : 1)

type Act = { readonly act: 'enter'; readonly priority: Priority; readonly patienceMs: number } | { readonly act: 'leave' | 'finish'; readonly which: number } | { readonly act: 'pass'; readonly ms: number }

const priority = fc.integer({ min: 0, max: 9 }) as fc.Arbitrary<Priority>
const acts: fc.Arbitrary<Act[]> = fc.array(
  fc.oneof(
    { weight: 5, arbitrary: fc.record({ act: fc.constant('enter' as const), priority, patienceMs: fc.oneof(fc.constant(Infinity), fc.integer({ min: 0, max: 5000 })) }) },
    { weight: 1, arbitrary: fc.record({ act: fc.constant('leave' as const), which: fc.nat() }) },
    { weight: 4, arbitrary: fc.record({ act: fc.constant('finish' as const), which: fc.nat() }) },
    { weight: 1, arbitrary: fc.record({ act: fc.constant('pass' as const), ms: fc.integer({ min: 1, max: 100 }) }) },
  ),
  { minLength: 50, maxLength: 300, size: 'max' },
)

const policies: fc.Arbitrary<LinePolicy> = fc.record({
  order: fc.constantFrom('strict' as const, 'deadline' as const),
  slots: fc.integer({ min: 1, max: 5 }),
  ageingShare: fc.constantFrom(0, 0.05, 0.25),
  weights: fc.constant(defaultWeights),
  reserve: fc.oneof(fc.constant(undefined), fc.constant([1, 0, 0, 0, 0, 1])),
  maxDepth: fc.constantFrom(3, 1000),
}).map(({ reserve, ...rest }) => (reserve ? { ...rest, reserve } : rest))

describe('a waiting line', () => {
  it('gives the same turns as a list searched from end to end, whatever happens in whatever order', () => {
    fc.assert(fc.property(policies, acts, (policy, list) => {
      const line = new WaitingLine(policy)
      const naive = new NaiveLine(policy)
      let now = 0
      const tickets: Ticket[] = []
      const started: Ticket[] = []
      const gone: Ticket[] = []
      const settled = (ticket: Ticket): void => void (ticket.state === 'admitted' ? started : gone).push(ticket)

      const expected = (): Ticket[] => {
        const turns: Ticket[] = []
        for (let next = naive.next(); next; next = naive.next()) {
          naive.waiting.splice(naive.waiting.indexOf(next), 1)
          if (next.untilMs < now) continue
          naive.active.add(next)
          turns.push(next)
        }
        return turns
      }

      for (const one of list) {
        started.length = gone.length = 0
        if (one.act === 'enter') {
          const deep = naive.waiting.length
          const ticket = line.enter(one.priority, now, now + one.patienceMs, settled)
          tickets.push(ticket)
          if (ticket.state === 'admitted') {
            expect(naive.free(ticket)).toBe(true)
            naive.active.add(ticket)
          } else if (ticket.state === 'waiting') {
            for (const out of gone) {
              expect(out.reason).toBe('evicted')
              expect(out.priority).toBe(Math.max(...naive.waiting.map((each) => each.priority)))
              expect(out.priority).toBeGreaterThan(ticket.priority)
              naive.waiting.splice(naive.waiting.indexOf(out), 1)
            }
            naive.waiting.push(ticket)
            expect(naive.waiting.length).toBeLessThanOrEqual(policy.maxDepth)
            expect(naive.next()).toBeUndefined()
          } else if (ticket.reason === 'full') {
            expect(deep).toBe(policy.maxDepth)
            expect(naive.waiting.every((each) => each.priority <= ticket.priority)).toBe(true)
          } else {
            expect(ticket.reason).toBe('hopeless')
          }
          expect(started).toEqual([])
        } else if (one.act === 'pass') {
          now += one.ms
          line.tick(now)
          expect(new Set(gone)).toEqual(new Set(naive.waiting.filter(({ untilMs }) => untilMs < now)))
          for (const out of gone) naive.waiting.splice(naive.waiting.indexOf(out), 1)
          expect(started).toEqual(expected())
        } else {
          const pool = tickets.filter(({ state }) => state === (one.act === 'leave' ? 'waiting' : 'admitted'))
          const ticket = pool[one.which % Math.max(1, pool.length)]
          if (!ticket) continue
          line.leave(ticket, now)
          naive.active.delete(ticket)
          if (one.act === 'leave') naive.waiting.splice(naive.waiting.indexOf(ticket), 1)
          expect(started).toEqual(expected())
        }
        const { waiting, active } = line.facts(now)
        expect(waiting.reduce((a, b) => a + b)).toBe(naive.waiting.length)
        expect(active.reduce((a, b) => a + b)).toBe(naive.active.size)
        expect(naive.active.size).toBeLessThanOrEqual(policy.slots)
      }
      // Whatever happened, nothing leaks: when all have left, the line is empty and all slots are free.
      for (const ticket of tickets) line.leave(ticket, now)
      expect([line.active, line.waiting]).toEqual([0, 0])
    }), { numRuns: 300 })
  })

  it('lets each class begin in proportion to its weight while all wait', () => {
    fc.assert(fc.property(fc.array(fc.integer({ min: 1, max: 20 }), { minLength: priorities, maxLength: priorities }), fc.uniqueArray(priority, { minLength: 1, maxLength: 10 }), (weights, classes) => {
      const line = new WaitingLine({ order: 'weighted', slots: 1, ageingShare: 0, weights, maxDepth: 100_000 })
      const turns = zeroPerClass()
      const first = line.enter(9, 0, Infinity, () => {})
      let current: Ticket = first
      for (const each of classes) for (let i = 0; i < 500; i += 1) line.enter(each, 0, Infinity, (ticket) => (current = ticket))
      const total = classes.reduce<number>((sum, each) => sum + (weights[each] as number), 0)
      for (let i = 0; i < 200; i += 1) {
        line.leave(current, i)
        turns[current.priority]! += 1
      }
      for (const each of classes) expect(Math.abs(turns[each]! - (200 * (weights[each] as number)) / total)).toBeLessThanOrEqual(1 + classes.length / 2)
    }), { numRuns: 100 })
  })

  it('lets the one that waits longest begin within twenty starts, whoever comes', () => {
    const line = new WaitingLine({ order: 'strict', slots: 1, ageingShare: 0.05, weights: defaultWeights, maxDepth: 1000 })
    let current = line.enter(0, 0, Infinity, () => {})
    let started = false
    line.enter(9, 0, Infinity, (ticket) => {
      started = true
      current = ticket
    })
    let starts = 0
    while (!started) {
      line.enter(0, starts, Infinity, (ticket) => (current = ticket))
      line.leave(current, starts)
      starts += 1
    }
    expect(starts).toBeLessThanOrEqual(20)
  })

  it('begins with the urgent one behind a hundred thousand at the very next slot', () => {
    const line = new WaitingLine({ order: 'strict', slots: 1, ageingShare: 0.05, weights: defaultWeights, maxDepth: 1e6 })
    const running = line.enter(9, 0, Infinity, () => {})
    for (let i = 0; i < 100_000; i += 1) line.enter(9, 1, Infinity, () => {})
    const urgent = line.enter(0, 2, Infinity, () => {})
    line.leave(running, 3)
    expect(urgent.state).toBe('admitted')
  })

  it('starts no faster than its rate, and says when to look again', () => {
    const line = new WaitingLine({ order: 'strict', slots: Infinity, ratePerSecond: 10, burst: 2, ageingShare: 0, weights: defaultWeights, maxDepth: 100 })
    const starts: number[] = []
    const note = (ticket: Ticket) => void starts.push(ticket.startedMs)
    const tickets = Array.from({ length: 5 }, () => line.enter(5, 1000, Infinity, note))
    expect(tickets.map(({ state }) => state)).toEqual(['admitted', 'admitted', 'waiting', 'waiting', 'waiting'])
    for (let now = 1000; line.waiting > 0; now = line.nextTickMs(now)) line.tick(now)
    expect(starts).toEqual([1100, 1200, 1300])
  })

  it('says at once that a turn would come too late, and how long it would take', () => {
    const line = new WaitingLine({ order: 'strict', slots: 1, ageingShare: 0, weights: defaultWeights, maxDepth: 100 })
    line.leave(line.enter(5, 0, Infinity, () => {}), 100) // a slot is held for 100 ms
    line.enter(5, 200, Infinity, () => {})
    for (let i = 0; i < 10; i += 1) line.enter(5, 200, Infinity, () => {})
    const late = line.enter(5, 200, 700, () => {})
    expect(late.reason).toBe('hopeless')
    expect(line.estimateMs(5, 200)).toBeCloseTo(1100, -2)
    expect(line.enter(0, 200, 700, () => {}).state).toBe('waiting')
  })

  it('moves a ticket to another class with the time it came', () => {
    const line = new WaitingLine({ order: 'strict', slots: 1, ageingShare: 0, weights: defaultWeights, maxDepth: 100 })
    const order: string[] = []
    let current = line.enter(5, 0, Infinity, () => {})
    const stand = (name: string, at: number, priority: Priority) => line.enter(priority, at, Infinity, (ticket) => {
      order.push(name)
      current = ticket
    })
    stand('moved', 1, 9)
    stand('later', 2, 3)
    line.moveClass(9, 3, 3)
    line.leave(current, 4)
    line.leave(current, 5)
    expect(order).toEqual(['moved', 'later'])
  })
})
