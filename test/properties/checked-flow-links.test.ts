import fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { definitions } from '../../nodes/index.ts'
import { notYet } from '../../nodes/not-yet.ts'
import { createCheck } from '../../runtime/compile/check.ts'
import { startGateway, toRelease, type TestGateway } from '../kit/gateway.ts'
import { plausibleFlows } from './flow-arbitrary.ts'

const check = createCheck(definitions, notYet)
let gateway: TestGateway
beforeAll(async () => {
  gateway = await startGateway()
})
afterAll(() => gateway?.close())

test('a flow without errors at check can be linked, and its routes are there', async () => {
  let linked = 0
  await fc.assert(
    fc.asyncProperty(plausibleFlows, async (nodes) => {
      const errors = check(nodes).filter((problem) => problem.severity === 'error')
      const result = await gateway.gateway.deployer.prepare(toRelease(1, nodes))
      if (errors.length > 0) {
        // What check refuses is refused at deploy as well: nothing gets in by the other door.
        expect(result.ok).toBe(false)
        return
      }
      expect(result).toMatchObject({ ok: true })
      if (result.ok) gateway.gateway.deployer.commit(result.prepared)
      for (const { type, url } of nodes) {
        if (type !== 'http in') continue
        expect(gateway.gateway.deployer.current()?.routes.find('GET', String(url), 'localhost').kind).toBe('found')
      }
      linked++
    }),
    { numRuns: 100 },
  )
  expect(linked).toBeGreaterThan(20)
})
