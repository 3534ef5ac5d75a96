import { createServer, type Server } from 'node:http'
import { connect, type AddressInfo, type Socket } from 'node:net'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { guardUpgrade } from './guard-upgrade.ts'

let server: Server
beforeEach(async () => {
  server = createServer((_request, response) => response.end('up'))
  guardUpgrade(server, '/editor/comms', false)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
})
afterEach(() => new Promise((resolve) => server.close(resolve)))

const upgrade = 'GET /elsewhere HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n'
const open = (): Socket => connect({ port: (server.address() as AddressInfo).port, host: '127.0.0.1', allowHalfOpen: true }).on('error', () => {})

test('a client that resets its refused upgrade ends nothing but its own connection', async () => {
  const socket = open()
  const got = new Promise<Buffer>((resolve) => socket.once('data', resolve))
  socket.write(upgrade)
  expect(String(await got)).toContain('404 Not Found')
  socket.write('more')
  socket.resetAndDestroy()
  // An unheard error of the socket would fail this file as an uncaught exception.
  await expect.poll(() => new Promise((resolve) => server.getConnections((_error, count) => resolve(count)))).toBe(0)
})

test('a refused upgrade holds no connection, also when the client keeps its side open', async () => {
  const socket = open()
  socket.write(upgrade)
  socket.resume()
  await expect.poll(() => new Promise((resolve) => server.getConnections((_error, count) => resolve(count)))).toBe(0)
  socket.destroy()
})
