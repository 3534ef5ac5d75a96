import { createServer } from 'node:net'
import { expect, test } from 'vitest'
import { findPortRow, isPortFree } from './port.ts'

test('a row of ports holds none that is spoken for, and none that somebody listens on', async () => {
  // All but twenty are spoken for, and one of these is listened on.
  const left = Array.from({ length: 20 }, (_, index) => 25_000 + index)
  const taken = new Set(Array.from({ length: 12_000 }, (_, index) => 20_000 + index).filter((port) => !left.includes(port)))
  const busy = 25_010
  const server = createServer()
  const ours = await isPortFree('127.0.0.1', busy)
  if (ours) await new Promise<void>((listening) => server.listen({ host: '127.0.0.1', port: busy }, listening))
  try {
    for (let one = 0; one < 5; one++) {
      const first = await findPortRow('127.0.0.1', 3, taken)
      for (const port of [first, first + 1, first + 2]) expect(left.filter((port) => port !== busy)).toContain(port)
    }
  } finally {
    await new Promise<void>((closed) => server.close(() => closed()))
  }
})
