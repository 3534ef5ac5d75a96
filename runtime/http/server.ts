import type { IncomingMessage, Server } from 'node:http'
import { createSecureServer, type ServerHttp2Session } from 'node:http2'
import { createServer as createHttpsServer } from 'node:https'
import type { Socket } from 'node:net'
import { http } from '../core/http/node-http.ts'
import { asksForWebSocket } from '../core/http/web-socket.ts'
import type { FrontLimits } from './front-options.ts'
import type { Tls } from './tls.ts'

/** What RFC 9113 §6.5.2 asks for at the least, and browsers use at the most; Node's own default is none. */
const streamsPerConnection = 100

export type Handler = (request: never, response: never) => void

/** A listening point and what is open on it. */
export interface WebServer {
  readonly server: Server
  readonly sockets: ReadonlySet<Socket>
  /** Stops accepting and closes what is idle; HTTP/2 sessions end with their last stream. */
  stop(): void
  /** Resolves when the last connection has ended. */
  closed(): Promise<void>
  /** Ends connections with nothing left to write. */
  destroySilent(): void
  destroyAll(): void
}

/** Makes the server for the front's handler, with every limit set: Node's own defaults are partly "none". */
export function createWebServer(handler: Handler, limits: FrontLimits, tls: Tls | undefined): WebServer {
  const timing = {
    // Node's own is two minutes, and what it knows of heads begins behind it.
    handshakeTimeout: limits.headersTimeoutMs,
    headersTimeout: limits.headersTimeoutMs,
    requestTimeout: limits.requestTimeoutMs,
    keepAliveTimeout: limits.keepAliveTimeoutMs,
    connectionsCheckingInterval: limits.timeoutCheckMs,
    maxHeaderSize: limits.headerLimitBytes,
    // Other protocols that are offered, such as h2c, are let be: the request is answered as it stands (RFC 9110 §7.8).
    shouldUpgradeCallback: (request: IncomingMessage) => asksForWebSocket(request),
    // A request that announces no body has ended when it arrives: nobody has to be told so, which took an eighth of a small call.
    optimizeEmptyRequests: true,
    requireHostHeader: false, // the front refuses a request without, in its own words
  }
  const server = makeServer(handler, timing, limits, tls)
  server.setTimeout(limits.socketTimeoutMs)
  const sockets = new Set<Socket>()
  const sessions = new Set<ServerHttp2Session>()
  server.on('connection', (socket: Socket) => {
    sockets.add(socket)
    socket.once('close', () => sockets.delete(socket))
  })
  server.on('session', (session: ServerHttp2Session) => {
    sessions.add(session)
    // Its greeting ends with its settings (RFC 9113 §3.4); one that sends half of it asks for nothing.
    const greeting = setTimeout(() => session.destroy(), limits.headersTimeoutMs)
    session.once('remoteSettings', () => clearTimeout(greeting))
    session.once('close', () => {
      clearTimeout(greeting)
      sessions.delete(session)
    })
  })
  return {
    server,
    sockets,
    stop() {
      if (server.listening) server.close()
      server.closeIdleConnections()
      for (const session of sessions) session.close()
    },
    async closed() {
      while (server.listening || sockets.size > 0) {
        const one = sockets.values().next().value
        // oxlint-disable-next-line no-await-in-loop -- connections end one after the other
        await new Promise<void>((resolve) => (one ? one.once('close', () => resolve()) : server.once('close', () => resolve())))
      }
    },
    destroySilent() {
      for (const socket of sockets) if (socket.writableLength === 0) socket.destroy()
    },
    destroyAll() {
      for (const session of sessions) session.destroy()
      for (const socket of sockets) socket.destroy()
    },
  }
}

function makeServer(handler: Handler, timing: object, limits: FrontLimits, tls: Tls | undefined): Server {
  if (!tls) return http.createServer(timing, handler as never)
  if (!tls.http2) return tls.attach(createHttpsServer({ ...tls.serverOptions(), ...timing }, handler as never)) as unknown as Server
  const server = createSecureServer({ ...tls.serverOptions(), ...timing, allowHTTP1: true, settings: { maxHeaderListSize: limits.headerLimitBytes, maxConcurrentStreams: streamsPerConnection } }, handler as never)
  // The HTTP/1.1 side of an HTTP/2 server reads its timeouts from properties.
  Object.assign(server, { keepAliveTimeout: limits.keepAliveTimeoutMs })
  return tls.attach(server) as unknown as Server
}
