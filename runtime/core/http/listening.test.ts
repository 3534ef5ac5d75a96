import { createServer, get } from 'node:http'
import { expect, test } from 'vitest'
import { closeWithin, listen, toUrlHost } from './listening.ts'

test('a free port is opened and said; one that is taken is refused with its place; a connection that fails later ends nothing', async () => {
  const first = createServer()
  const port = await listen(first, { host: '127.0.0.1', port: 0 })
  expect(port).toBeGreaterThan(0)
  expect(first.emit('error', new Error('accept EMFILE'))).toBe(true)
  await expect(listen(createServer(), { host: '127.0.0.1', port })).rejects.toMatchObject({ code: 'port.busy', host: '127.0.0.1', port, message: `Port ${port} on 127.0.0.1 is in use.` })
  await closeWithin(first, 1000)
  const second = createServer()
  expect(await listen(second, { host: '127.0.0.1', port })).toBe(port)
  await closeWithin(second, 1000)
})

test('whoever never gets an answer does not keep a server from closing', async () => {
  let asked = () => {}
  const under = new Promise<void>((resolve) => (asked = resolve))
  const server = createServer(() => asked())
  const port = await listen(server, { host: '127.0.0.1', port: 0 })
  const cut = new Promise((resolve) => get({ host: '127.0.0.1', port }).once('error', resolve))
  await under
  await closeWithin(server, 1)
  expect(await cut).toBeInstanceOf(Error)
})

test('hosts stand in URLs as they must', () => {
  expect(['127.0.0.1', '::1', 'localhost'].map(toUrlHost)).toEqual(['127.0.0.1', '[::1]', 'localhost'])
})
