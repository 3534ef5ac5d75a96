import { createServer } from 'node:http'

/** Answers a little JSON so many milliseconds after it was asked. */
const afterMs = Number(process.argv[2])
const server = createServer((req, res) => {
  setTimeout(() => res.writeHead(200, { 'Content-Type': 'application/json' }).end(`{"path":"${req.url}"}`), afterMs)
})
server.keepAliveTimeout = 60_000
server.listen(0, '127.0.0.1', () => console.log(JSON.stringify({ port: server.address().port })))
process.on('SIGTERM', () => process.exit(0))
