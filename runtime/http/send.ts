import type { ServerResponse } from 'node:http'
import { pipeline } from 'node:stream'
import { ByteStream } from '../core/http/byte-stream.ts'
import { Tunnel } from '../core/http/tunnel.ts'
import { http } from '../core/http/node-http.ts'
import type { Outbox } from './outbox.ts'
import type { Reply } from './to-reply.ts'

/**
 * Writes an answer. `extra` holds more names and values. A body is never written for HEAD, 204 and 304, but its
 * length is said where HTTP says it (RFC 9110 §8.6). `then` ends the answer; without it the end is left to the caller.
 */
export function send(res: ServerResponse, reply: Reply, extra: readonly string[], isHead: boolean, then?: Outbox): void {
  const { status, headers, body } = reply
  const bodiless = status === 204 || status === 304
  if (body instanceof ByteStream) return sendStream(res, reply, body, extra, bodiless || isHead)
  if (body instanceof Tunnel) return sendTunnel(res, reply, body, extra)
  if (!bodiless) headers.push('Content-Length', body === undefined ? '0' : String(typeof body === 'string' ? Buffer.byteLength(body) : body.length))
  for (const one of extra) headers.push(one)
  writeHead(res, status, headers)
  const written = bodiless || isHead ? undefined : body
  if (then) then.end(res, written)
  else if (written === undefined) res.flushHeaders()
  else res.write(written)
}

/** Passes a stream on as fast as the caller takes it. When it breaks off, so does the connection: the caller must not take a part for the whole. */
function sendStream(res: ServerResponse, { status, headers }: Reply, body: ByteStream, extra: readonly string[], headOnly: boolean): void {
  if (body.lengthBytes !== undefined && status !== 204) headers.push('Content-Length', String(body.lengthBytes))
  for (const one of extra) headers.push(one)
  writeHead(res, status, headers)
  if (headOnly) {
    body.discard()
    res.end()
    return
  }
  res.flushHeaders() // whoever waits for events hears at once that the stream is open
  pipeline(body.take(), res, () => {})
}

/** How long one side of a WebSocket stays behind the other. */
const lastWordMs = 1_000

/**
 * Agrees to speak WebSocket (RFC 6455 §4.2.2) and joins the two connections: from here on nobody looks at what passes.
 * @throws Error when the request did not ask for it
 */
function sendTunnel(res: ServerResponse, { headers }: Reply, tunnel: Tunnel, extra: readonly string[]): void {
  const { socket } = res
  if (!socket || !(res.req as { upgrade?: boolean }).upgrade) throw new Error('the request did not ask for another protocol')
  const lines = ['HTTP/1.1 101 Switching Protocols', 'Connection: Upgrade', 'Upgrade: websocket']
  for (const list of [headers, extra]) for (let i = 0; i < list.length; i += 2) if (list[i] !== 'Connection') lines.push(`${list[i]}: ${list[i + 1]}`)
  const upstream = tunnel.take()
  res.detachSocket(socket)
  socket.setTimeout(tunnel.idleMs, () => socket.destroy())
  socket.write(`${lines.join('\r\n')}\r\n\r\n`, 'latin1')
  for (const [from, to] of [[socket, upstream], [upstream, socket]] as const) {
    from.pipe(to)
    from.once('close', () => to.destroy())
    // Half of a WebSocket is none: who has heard that the other side says no more may answer (RFC 6455 §7.1.1), and not stay for ever.
    from.once('end', () => {
      const timer = setTimeout(() => to.destroy(), lastWordMs)
      to.once('close', () => clearTimeout(timer))
    })
    from.once('error', () => to.destroy())
  }
}

function writeHead(res: ServerResponse, status: number, headers: string[]): void {
  if (Object.getPrototypeOf(res) === http.ServerResponse.prototype) {
    res.writeHead(status, headers) // names and values in turn: nothing is looked up, sorted or copied
    return
  }
  // HTTP/2 and injected requests keep headers by name.
  for (let i = 0; i < headers.length; i += 2) res.appendHeader(headers[i] as string, headers[i + 1] as string)
  res.writeHead(status)
}
