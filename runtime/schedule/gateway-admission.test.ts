import { describe, expect, it } from 'vitest'
import { fakeClock } from '../../test/kit/fake-clock.ts'
import type { Turn } from '../core/access/admission.ts'
import type { Route } from '../core/deployment.ts'
import type { Priority } from '../core/lines/priority.ts'
import type { RequestFacts } from '../core/http/request-facts.ts'
import { AdaptiveLimit } from './adaptive-limit.ts'
import { createGatewayAdmission, type GatewayAdmissionOptions } from './gateway-admission.ts'

function open(options: Partial<GatewayAdmissionOptions> = {}) {
  const clock = fakeClock()
  const seen: string[] = []
  let asked = 0
  const admission = createGatewayAdmission(
    { limit: 2, reservedShare: 0, maxWaitMs: 1000, maxDepth: 100, bodiesLimitBytes: 1000, ...options },
    {
      clock,
      standingOf: (_route, request) => (asked++, { priority: Number(request.headers['p']) as Priority }),
      observer: { served: (_line, priority) => seen.push(`served ${priority ?? 'none'}`), refused: (_line, priority, reason) => seen.push(`refused ${priority} ${reason}`) },
    },
  )
  const come = (p: number, bodyBytes = 0): Turn => admission.enter({} as Route, { headers: { p: String(p) } } as unknown as RequestFacts, Infinity, bodyBytes, () => {})
  return { clock, admission, come, seen, asked: () => asked }
}

describe('the limit of a gateway', () => {
  it('asks nobody while there is room, and gives each slot back once', () => {
    const { come, asked, seen, admission } = open()
    const [one, two] = [come(0), come(9)]
    expect([asked(), seen]).toEqual([0, ['served none', 'served none']])
    const three = come(5)
    expect([asked(), three.place.state]).toEqual([1, 'waiting'])
    one.end()
    one.end()
    expect(three.place.state).toBe('admitted')
    expect(come(5).place.state).toBe('waiting')
    two.end()
    three.end()
    expect(admission.line.facts().active.reduce((sum, count) => sum + count, 0)).toBe(1)
  })

  it('keeps a share for priority 0', () => {
    const { come } = open({ limit: 10, reservedShare: 0.2 })
    expect(Array.from({ length: 8 }, () => come(9).place.state)).toEqual(Array.from({ length: 8 }, () => 'admitted'))
    expect([come(1), come(0), come(0), come(0)].map(({ place }) => place.state)).toEqual(['waiting', 'admitted', 'admitted', 'waiting'])
  })

  it('keeps no more bodies than it may, and of callers nobody knows half of that', async () => {
    const { come, clock, seen } = open({ limit: 1 })
    const first = come(9)
    const one = come(9, 500)
    expect(one.place.state).toBe('waiting')
    const two = come(9, 1)
    await clock.advance(2)
    expect([two.place.state, come(5, 500).place.state]).toEqual(['refused', 'waiting'])
    one.end() // the caller has left
    expect(come(9, 400).place.state).toBe('waiting')
    first.end()
    expect(seen.filter((line) => line.startsWith('refused'))).toEqual(['refused 9 expired'])
  })

  it('follows an adaptive limit: a backend that stands in its own way gets less', async () => {
    const adaptive = new AdaptiveLimit({ initial: 40, min: 2, max: 100, windowMs: 100, leastSamples: 5 })
    const { come, clock, admission } = open({ adaptive, maxWaitMs: 100_000 })
    // What each takes grows with how many there are at once: ten at a time are as fast as one.
    const turns: { turn: Turn; left: number }[] = []
    for (let now = 0; now < 20_000; now += 10) {
      while (turns.length < 60) turns.push({ turn: come(5), left: 10 })
      const under = turns.filter(({ turn }) => turn.place.state === 'admitted')
      for (const one of under) {
        one.left -= Math.min(1, 10 / under.length)
        if (one.left <= 0) {
          turns.splice(turns.indexOf(one), 1)
          one.turn.end()
        }
      }
      await clock.advance(10)
    }
    expect(admission.line.facts().slots).toBe(adaptive.limit)
    expect(adaptive.limit).toBeLessThan(35)
    expect(adaptive.limit).toBeGreaterThanOrEqual(8)
  })

  it('refuses all that wait when it is closed, and whoever comes later', () => {
    const { come, admission } = open({ limit: 1 })
    come(5)
    const waits = come(0)
    admission.close()
    expect([waits.place.state, waits.place.reason, come(0).place.reason]).toEqual(['refused', 'closed', 'closed'])
  })
})
