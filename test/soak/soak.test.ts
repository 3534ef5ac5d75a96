import { expect, test } from 'vitest'
import { soak } from './soak.ts'

/** Two minutes where everything is proven, less where somebody waits for it. */
const seconds = process.env['VERIFY'] === undefined ? 20 : 120

test('a gateway that is deployed to while its upstreams flap and its callers leave holds no more in the end, and mixes nobody up', async () => {
  const { asked, mixed, lost, deploys, early, late, connectionsLeft } = await soak({ seconds, deployEveryMs: 4000 })
  expect({ mixed, lost, connectionsLeft }).toEqual({ mixed: 0, lost: [], connectionsLeft: 0 })
  expect(asked).toBeGreaterThan(seconds * 10)
  expect(deploys).toBeGreaterThanOrEqual(Math.floor(seconds / 8))
  expect(late.files).toBeLessThanOrEqual(early.files + 20)
  expect(late.heldMb).toBeLessThanOrEqual(early.heldMb * 1.2 + 20)
}, 500_000)
