import type { Socket } from 'node:net'
import { fault, type Fault } from '../core/fault.ts'
import { faultReply } from './fault-reply.ts'

/** The fault behind an error of Node's HTTP parser or of its timeouts. */
export function toClientFault(error: NodeJS.ErrnoException): Fault {
  if (error.code === 'HPE_HEADER_OVERFLOW') return fault('request.headers_too_large')
  if (error.code === 'ERR_HTTP_REQUEST_TIMEOUT') return fault('request.timeout')
  if (error.code === 'HPE_CHUNK_EXTENSIONS_OVERFLOW') return fault('body.too_large', { limitBytes: 16_384 })
  return fault('request.malformed', { reason: (error as { reason?: string }).reason ?? 'it is not valid HTTP' }, error)
}

/** Of a handshake that failed or was never ended: nothing can be written on that connection, and one that waits for it stays for ever. */
const ofTls = /^(?:ERR_TLS|ERR_SSL|EPROTO)/

/** Answers what never became a request. Nothing is written into an answer that has begun. */
export function answerClientError(error: NodeJS.ErrnoException, socket: Socket, id: string): Fault | undefined {
  const begun = (socket as unknown as { _httpMessage?: { headersSent: boolean } | null })._httpMessage?.headersSent === true
  if (!socket.writable || begun || error.code === 'ECONNRESET' || ofTls.test(error.code ?? '')) {
    socket.destroy(error)
    return undefined
  }
  const failed = toClientFault(error)
  const { status, headers, body } = faultReply(failed, id, '')
  const text = String(body)
  headers.push('X-Request-Id', id, 'Connection', 'close', 'Content-Length', String(Buffer.byteLength(text)), 'Date', new Date().toUTCString())
  const lines = [`HTTP/1.1 ${status} ${failed.title}`]
  for (let i = 0; i < headers.length; i += 2) lines.push(`${headers[i]}: ${headers[i + 1]}`)
  socket.end(`${lines.join('\r\n')}\r\n\r\n${text}`)
  socket.destroySoon()
  return failed
}
