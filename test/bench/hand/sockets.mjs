import { connect, createServer } from 'node:net'

/**
 * What Node's sockets allow at most on one core: no request is parsed. Each arrival is answered with the same bytes; with the port of an
 * upstream, what arrives goes there on a connection of its own, and what comes back goes to the caller.
 */
const answer = Buffer.from('HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}')
const upstreamPort = Number(process.argv[2])
const server = createServer({ noDelay: true }, (socket) => {
  socket.on('error', () => socket.destroy())
  if (!upstreamPort) return socket.on('data', () => socket.write(answer))
  const upstream = connect({ port: upstreamPort, host: '127.0.0.1', noDelay: true })
  upstream.on('error', () => socket.destroy())
  upstream.on('data', (chunk) => socket.write(chunk))
  socket.on('data', (chunk) => upstream.write(chunk))
  socket.on('close', () => upstream.destroy())
})
server.listen(0, '127.0.0.1', () => console.log(JSON.stringify({ port: server.address().port })))
process.on('SIGTERM', () => process.exit(0))
