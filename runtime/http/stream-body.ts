import type { IncomingMessage } from 'node:http'
import { Transform } from 'node:stream'
import { ByteStream } from '../core/http/byte-stream.ts'
import { fault } from '../core/fault.ts'

/**
 * The body of a request as a stream that stops at `limitBytes`. It is not the request itself: whoever breaks it off leaves the
 * connection open for the answer.
 * @throws Fault `body.too_large` when its announced length is above that
 */
export function streamBody(raw: IncomingMessage, limitBytes: number): ByteStream {
  const announced = raw.headers['content-length']
  const lengthBytes = announced === undefined ? undefined : Number(announced)
  if (lengthBytes !== undefined && lengthBytes > limitBytes) throw fault('body.too_large', { limitBytes })
  let passed = 0
  const stream = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      passed += chunk.length
      if (passed > limitBytes) done(fault('body.too_large', { limitBytes }))
      else done(null, chunk)
    },
  })
  raw.once('error', () => stream.destroy(fault('body.incomplete')))
  raw.once('close', () => {
    if (!raw.complete) stream.destroy(fault('body.incomplete'))
  })
  // Nobody may read it: then nobody hears of its end.
  stream.on('error', () => {})
  raw.pipe(stream)
  return new ByteStream(stream, raw.headers['content-type'], lengthBytes)
}
