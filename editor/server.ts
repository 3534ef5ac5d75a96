import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import { join } from 'node:path'
import type { SecureContextOptions } from 'node:tls'
import { Refused, type Control } from '../control/contract.ts'
import { closeWithin, listen, toUrlHost } from '../runtime/core/http/listening.ts'
import type { NodeDefinition } from '../runtime/core/node.ts'
import { createPortal, type AbsentNode, type SampleApi } from '../portal/portal.ts'
import type { SignInElsewhere } from '../portal/sign-in-elsewhere.ts'
import { sendProblem } from '../portal/web/reply.ts'
import { setSecurityHeaders } from '../portal/web/security-headers.ts'
import { defaultSessionMs } from '../portal/web/session.ts'
import { createEditorFront } from './front.ts'
import { guardUpgrade } from './guard-upgrade.ts'
import { openEditorHost, type EditorHost } from './host.ts'

/** For what is under way when the server closes. */
const closeMs = 2000

export type RawHandler = (request: IncomingMessage, response: ServerResponse) => void

export interface ControlServerOptions {
  readonly control: Control
  readonly definitions: readonly NodeDefinition[]
  /** Node-RED core types that cannot be deployed yet; the docs name them. */
  readonly notYet?: readonly AbsentNode[]
  readonly options: {
    readonly host: string
    /** 0 picks a free one. */
    readonly port: number
    /** Certificate and key; the port then speaks TLS only. */
    readonly tls?: SecureContextOptions
    /** Folder of the control plane's own files; the palette is generated below it. */
    readonly dataDir: string
    readonly basePath?: string
    /** Where gateways serve, for links and the samples to try. */
    gatewayUrls(): readonly string[]
    readonly samples?: readonly SampleApi[]
    /** Where browsers find this port when a proxy stands in front. By `https:` cookies are marked Secure, TLS here or not. */
    readonly publicUrl?: string
    /** How long a sign-in lasts, ms; 12 hours if left out. */
    readonly sessionMs?: number
    /** Address of whoever asks, as trusted proxies tell it; failed sign-ins are counted against it. The peer's if left out. */
    readonly clientOf?: (request: IncomingMessage) => string
    /** Signing in at the authorization server. Absent: there is none. */
    readonly elsewhere?: SignInElsewhere | undefined
    /** Another provider at which people may sign in there. */
    readonly upstream?: { readonly issuer: string; readonly name: string } | undefined
  }
  /** Handlers by path prefix (`/sync/`): they see the request first and check it themselves. */
  readonly handlers?: Readonly<Record<string, RawHandler>>
  readonly log?: (level: 'error' | 'warn', text: string, cause?: unknown) => void
}

export interface ControlServer {
  /** Opens the editor and the port. @throws when the port is taken */
  listen(): Promise<{ readonly url: string; readonly port: number }>
  /** Ends idle connections, lets requests finish, closes the editor. */
  close(): Promise<void>
  /** Takes a renewed certificate into use for new connections. */
  renewTls(tls: SecureContextOptions): void
  /** The opened editor, for tests that walk its routes. */
  readonly editor: EditorHost | undefined
}

/** Longer than load balancers and clients keep a connection that they may write on again: closed first, it would lose what they just wrote. */
const keepAliveMs = 75_000
/** For the head of a request, and with TLS for the handshake before it. */
const headersTimeoutMs = 15_000

/** The control port: editor, pages, JSON API and whatever handlers it is given, on one server. */
export function createControlServer({ control, definitions, notYet = [], options, handlers = {}, log }: ControlServerOptions): ControlServer {
  const basePath = options.basePath ?? '/editor/'
  const publicOrigin = options.publicUrl === undefined ? undefined : new URL(options.publicUrl).origin
  const secure = options.tls !== undefined || publicOrigin?.startsWith('https:') === true
  const { sessionMs = defaultSessionMs, clientOf = (request) => request.socket.remoteAddress ?? '' } = options
  const prefixes = Object.entries(handlers)
  const portal = createPortal({
    control, definitions, notYet, secure, sessionMs, clientOf, editorPath: basePath, gatewayUrls: options.gatewayUrls, samples: options.samples ?? [], log, elsewhere: options.elsewhere, upstream: options.upstream,
    ...(publicOrigin ? { publicOrigin } : {}),
  })
  const server: Server = options.tls ? createTlsServer({ minVersion: 'TLSv1.2', handshakeTimeout: headersTimeoutMs, ...options.tls }, handle) : createServer(handle)
  server.headersTimeout = headersTimeoutMs
  server.requestTimeout = 60_000
  server.keepAliveTimeout = keepAliveMs
  let editor: EditorHost | undefined
  let front: ReturnType<typeof createEditorFront> | undefined

  function handle(request: IncomingMessage, response: ServerResponse): void {
    // In one form for all that read it behind this: what one took for a public file another would take for something else.
    const url = URL.parse(request.url ?? '/', 'http://sluice')
    if (!url) return refuse(response)
    const path = url.pathname
    request.url = path + url.search
    for (const [prefix, handler] of prefixes) if (path.startsWith(prefix)) return handler(request, response)
    const answered = path.startsWith(basePath) && front ? front(request, response) : portal.handle(request, response)
    answered.catch((cause: unknown) => {
      log?.('error', 'A request to the control port failed.', cause)
      response.destroy()
    })
  }

  function refuse(response: ServerResponse): void {
    setSecurityHeaders(response, 'page', secure)
    sendProblem(response, new Refused('request.malformed', 400, 'The path of the request is none.'))
  }

  return {
    async listen() {
      guardUpgrade(server, `${basePath}comms`, secure, publicOrigin)
      editor = await openEditorHost({ control, definitions, dir: join(options.dataDir, 'editor'), server, basePath, ...(log ? { log } : {}) })
      front = createEditorFront({ control, host: editor, basePath, secure, sessionMs, clientOf })
      const port = await listen(server, options)
      return { url: `${options.tls ? 'https' : 'http'}://${toUrlHost(options.host)}:${port}/`, port }
    },
    async close() {
      await editor?.close()
      await closeWithin(server, closeMs)
    },
    renewTls(tls) {
      if ('setSecureContext' in server) (server as unknown as { setSecureContext(tls: SecureContextOptions): void }).setSecureContext(tls)
    },
    get editor() {
      return editor
    },
  }
}
