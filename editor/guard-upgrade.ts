import type { IncomingMessage, Server } from 'node:http'
import type { Duplex } from 'node:stream'
import { parseCookie } from 'cookie'
import { sessionCookieName } from '../portal/web/session.ts'

/**
 * Stands before the stock editor's WebSocket: browsers do not apply the same-origin policy to it, so a
 * page elsewhere could listen in with its reader's cookie. A request with a foreign `Origin` is refused;
 * one of our own pages is signed in by its cookie. `publicOrigin` is ours as well: a proxy may tell another host than
 * the one it was asked for. Must be called before the editor host opens.
 */
export function guardUpgrade(server: Server, commsPath: string, secure: boolean, publicOrigin?: string): void {
  server.on('upgrade', (request: IncomingMessage, socket: Duplex) => {
    // Node leaves the socket to us: without a listener, a client that resets it would end the process.
    socket.on('error', () => socket.destroy())
    const path = (request.url ?? '').split('?')[0]
    const { origin, host } = request.headers
    const foreign = origin !== undefined && origin !== publicOrigin && hostOf(origin) !== host
    if (path !== commsPath || foreign) {
      // Listeners behind this one cannot be stopped; a path of nobody's keeps them quiet.
      request.url = '/refused'
      socket.end(`HTTP/1.1 ${foreign ? '403 Forbidden' : '404 Not Found'}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`, () => socket.destroy())
      return
    }
    const cookie = parseCookie(request.headers.cookie ?? '')[sessionCookieName(secure)]
    if (cookie && origin !== undefined && !request.headers.authorization) request.headers.authorization = `Bearer ${cookie}`
  })
}

function hostOf(origin: string): string | undefined {
  try {
    return new URL(origin).host
  } catch {
    return undefined
  }
}
