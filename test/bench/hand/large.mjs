/** `large.mjs MB`: answers every request with so many megabytes. */
import { createServer } from 'node:http'
import { Readable } from 'node:stream'

const megabytes = Number(process.argv[2])
const part = Buffer.alloc(1024 * 1024, 'x')
const server = createServer((request, response) => {
  response.writeHead(200, { 'content-type': 'application/octet-stream', 'content-length': megabytes * part.length })
  Readable.from((function* () {
    for (let i = 0; i < megabytes; i += 1) yield part
  })()).on('error', () => {}).pipe(response)
  request.resume()
})
server.listen(0, '127.0.0.1', () => console.log(`port ${server.address().port}`))
