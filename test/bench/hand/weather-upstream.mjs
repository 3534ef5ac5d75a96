import { createServer } from 'node:http'
import { documents, firstVersion } from './documents.mjs'

/**
 * The upstream of the real composition: two documents with entity tags. `still`: they change at random moments, some times
 * a second; `moving`: with every request. `/version` says what is true now, for who checks that nobody answers with less.
 */
const moving = process.argv[2] === 'moving'
const bodies = documents()
const places = bodies.map((body) => body.indexOf(firstVersion))
let version = 0

function change() {
  version += 1
  const text = `v${String(version).padStart(firstVersion.length - 1, '0')}`
  // A new buffer: what is on its way stays as it was.
  bodies.forEach((body, at) => {
    const next = Buffer.from(body)
    next.write(text, places[at])
    bodies[at] = next
  })
}

const server = createServer((req, res) => {
  if (req.url === '/version') return void res.end(String(version))
  if (moving) change()
  const at = req.url === '/forecast' ? 0 : 1
  const etag = `"${at}-${version}"`
  if (req.headers['if-none-match'] === etag) return void res.writeHead(304, { ETag: etag }).end()
  const body = bodies[at]
  res.writeHead(200, { 'Content-Type': 'application/json', 'Content-Length': body.length, ETag: etag }).end(body)
})
server.keepAliveTimeout = 60_000
server.listen(0, '127.0.0.1', () => console.log(JSON.stringify({ port: server.address().port })))
function later() {
  setTimeout(() => {
    change()
    later()
  }, 100 + Math.random() * 800).unref()
}
if (!moving) later()
process.on('SIGTERM', () => process.exit(0))
