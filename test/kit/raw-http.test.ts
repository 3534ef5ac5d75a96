import { createServer, type Server } from 'node:net'
import { afterEach, expect, test } from 'vitest'
import { type BrokenExchange, RawConnection } from './raw-http.ts'

const servers: Server[] = []
afterEach(() => {
  for (const server of servers.splice(0)) server.close()
})

/** A server that writes `chunks` a moment apart after the first bytes of a request, then ends or resets. */
async function serve(chunks: readonly string[], then: 'keep' | 'end' | 'reset'): Promise<number> {
  const server = createServer((socket) => {
    socket.on('error', () => {})
    socket.once('data', async () => {
      for (const chunk of chunks) {
        socket.write(chunk, 'latin1')
        await new Promise((resolve) => setTimeout(resolve, 5))
      }
      if (then === 'end') socket.end()
      if (then === 'reset') socket.resetAndDestroy()
    })
  })
  servers.push(server)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return (server.address() as { port: number }).port
}

async function outcome(chunks: readonly string[], then: 'keep' | 'end' | 'reset') {
  const connection = new RawConnection('127.0.0.1', await serve(chunks, then))
  try {
    const reply = await connection.exchange('GET / HTTP/1.1\r\n\r\n', 1000)
    return { status: reply.status, body: reply.body.toString() }
  } catch (error) {
    return (error as BrokenExchange).kind
  } finally {
    connection.close()
  }
}

test('an answer in pieces is read whole', async () => {
  expect(await outcome(['HTTP/1.1 200 OK\r\nContent-', 'Length: 5\r\n\r\nhe', 'llo'], 'keep')).toEqual({ status: 200, body: 'hello' })
})

test('a chunked answer is read whole', async () => {
  expect(await outcome(['HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n', '2\r\nde\r\n0\r\n\r\n'], 'keep')).toEqual({ status: 200, body: 'abcde' })
})

test('an answer without a length is not taken for whole before the connection ends', async () => {
  expect(await outcome(['HTTP/1.1 200 OK\r\n\r\nabc'], 'end')).toEqual({ status: 200, body: 'abc' })
})

test('an end in the middle of an answer is a cut-off, a reset is a reset, a closed port is a refusal', async () => {
  expect(await outcome(['HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhe'], 'end')).toBe('cutOff')
  expect(await outcome(['HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhe'], 'reset')).toBe('reset')
  const port = await serve([], 'end')
  await new Promise((resolve) => servers.pop()?.close(resolve))
  await expect(new RawConnection('127.0.0.1', port).exchange('x')).rejects.toMatchObject({ kind: 'refused' })
})
