import fc from 'fast-check'
import { expect, test } from 'vitest'
import { definitions } from '../../nodes/index.ts'
import { notYet } from '../../nodes/not-yet.ts'
import { createCheck } from '../../runtime/compile/check.ts'
import { brokenFlows, plausibleFlows } from './flow-arbitrary.ts'

const check = createCheck(definitions, notYet)

test('whatever JSON comes, the compiler answers with problems, never with a throw', () => {
  fc.assert(
    fc.property(brokenFlows, (json) => {
      for (const problem of check(json)) {
        expect(problem.code).toMatch(/^[a-z]+(\.[a-z_]+)+$/)
        expect(problem.message).not.toMatch(/undefined|\[object Object\]|NaN/)
        expect(problem.remedy.length).toBeGreaterThan(5)
      }
    }),
    { numRuns: 500 },
  )
})

test('a good flow with one value replaced by anything is answered with problems, never with a throw', () => {
  const damaged = fc.tuple(plausibleFlows, fc.nat(), fc.nat(), fc.jsonValue({ maxDepth: 2 })).map(([nodes, which, property, value]) => {
    const copy = structuredClone(nodes) as unknown as Record<string, unknown>[]
    const node = copy[which % copy.length] as Record<string, unknown>
    const names = Object.keys(node)
    node[names[property % names.length] as string] = value
    return copy
  })
  fc.assert(fc.property(damaged, (nodes) => void check(nodes)), { numRuns: 500 })
})
