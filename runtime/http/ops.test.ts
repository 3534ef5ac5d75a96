import { expect, it } from 'vitest'
import { createOps } from './ops.ts'

it('the operators’ port says whether the process lives, is ready, and how it is', async () => {
  let ready = false
  const ops = createOps({ host: '127.0.0.1', port: 0 }, { ready: () => ({ ready, detail: { release: 1 } }), metrics: { text: async () => 'a 1\n', contentType: 'text/plain; version=0.0.4' } })
  const { url } = await ops.listen()
  try {
    expect((await fetch(`${url}/healthz`)).status).toBe(200)
    expect((await fetch(`${url}/readyz`)).status).toBe(503)
    ready = true
    expect(await (await fetch(`${url}/readyz`)).json()).toEqual({ ready: true, release: 1 })
    expect(await (await fetch(`${url}/metrics`)).text()).toBe('a 1\n')
    expect((await fetch(`${url}/nope`)).status).toBe(404)
    expect((await fetch(`${url}/healthz`, { method: 'POST' })).status).toBe(405)
  } finally {
    await ops.close()
  }
})
