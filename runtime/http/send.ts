import type { ServerResponse } from 'node:http'
import { http } from '../core/node-http.ts'
import type { Outbox } from './outbox.ts'
import type { Reply } from './to-reply.ts'

/**
 * Writes an answer. `extra` holds more names and values. A body is never written for HEAD, 204 and 304, but its
 * length is said where HTTP says it (RFC 9110 §8.6). `then` ends the answer; without it the end is left to the caller.
 */
export function send(res: ServerResponse, reply: Reply, extra: readonly string[], isHead: boolean, then?: Outbox): void {
  const { status, headers, body } = reply
  const bodiless = status === 204 || status === 304
  if (!bodiless) headers.push('Content-Length', body === undefined ? '0' : String(typeof body === 'string' ? Buffer.byteLength(body) : body.length))
  for (const one of extra) headers.push(one)
  writeHead(res, status, headers)
  const written = bodiless || isHead ? undefined : body
  if (then) then.end(res, written)
  else if (written === undefined) res.flushHeaders()
  else res.write(written)
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
