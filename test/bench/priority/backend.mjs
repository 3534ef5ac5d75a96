// A backend with so many slots, each held for a fixed time; what comes on top waits in the order it came. It counts itself
// how long its slots were busy, so that nobody else has to be believed.
import { createServer } from 'node:http'

const slots = Number(process.argv[2] ?? 20)
const serviceMs = Number(process.argv[3] ?? 50)
const line = []
let active = 0
let busyMs = 0
let since = performance.now()
let times = []
let most = 0

function account() {
  const now = performance.now()
  busyMs += active * (now - since)
  since = now
}

function serve(res) {
  account()
  active += 1
  most = Math.max(most, active)
  const began = performance.now()
  setTimeout(() => {
    account()
    active -= 1
    const took = performance.now() - began
    times.push(took)
    res.setHeader('x-service-ms', took.toFixed(2))
    res.end('{"done":true}')
    const next = line.shift()
    if (next) serve(next)
  }, serviceMs)
}

const server = createServer((req, res) => {
  if (req.url === '/stats') {
    account()
    const sorted = times.toSorted((a, b) => a - b)
    res.end(JSON.stringify({ busyMs, served: times.length, medianMs: sorted[sorted.length >> 1] ?? 0, waiting: line.length, most }))
    return
  }
  if (req.url === '/reset') {
    account()
    busyMs = 0
    times = []
    most = active
    res.end('{}')
    return
  }
  if (active < slots) return serve(res)
  line.push(res)
  req.socket.once('close', () => {
    const at = line.indexOf(res)
    if (at >= 0) line.splice(at, 1)
  })
})
server.keepAliveTimeout = 0
server.listen(0, '127.0.0.1', () => console.log(`port ${server.address().port}`))
