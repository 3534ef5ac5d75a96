import { createServer } from 'node:net'

/**
 * The fast upstream of the proxy row: it does not parse, it counts ends of request heads and answers each
 * with the same bytes, so that it shares a core with the load generator and still outruns the server under test.
 */
const body = JSON.stringify({ station: 'C0A9C0', temperature: 27.4, humidity: 71, at: '2026-01-01T00:00:00+08:00', text: 'x'.repeat(400) })
const answer = Buffer.from(`HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`)

const server = createServer({ noDelay: true }, (socket) => {
  let matched = 0
  socket.on('error', () => socket.destroy())
  socket.on('data', (chunk) => {
    for (const byte of chunk) {
      matched = byte === (matched % 2 === 0 ? 13 : 10) ? matched + 1 : byte === 13 ? 1 : 0
      if (matched === 4) {
        matched = 0
        socket.write(answer)
      }
    }
  })
})
server.listen(0, '127.0.0.1', () => console.log(JSON.stringify({ port: server.address().port })))
process.on('SIGTERM', () => process.exit(0))
