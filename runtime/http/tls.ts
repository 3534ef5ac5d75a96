import type { IncomingMessage } from 'node:http'
import { createSecureContext, type SecureContext, type SecureVersion, type Server, type TLSSocket } from 'node:tls'
import { fault, type Fault } from '../core/fault.ts'
import type { RequestFacts } from '../core/http/request-facts.ts'

/** A certificate with its key, as PEM. */
export interface TlsCertificate {
  readonly cert: string | Buffer
  readonly key: string | Buffer
  readonly passphrase?: string
}

export interface TlsHost extends TlsCertificate {
  /** Ask the client for a certificate; `required` answers 403 without a valid one. Needs `clientCa`. */
  readonly clientCertificate?: 'optional' | 'required'
  /** Authorities that sign client certificates, as PEM. */
  readonly clientCa?: string | Buffer
}

export interface TlsOptions extends TlsHost {
  /** Default TLSv1.2. */
  readonly minVersion?: 'TLSv1.2' | 'TLSv1.3'
  /** HTTP/2 where the client can, HTTP/1.1 for the others. Default true. */
  readonly http2?: boolean
  /** Hosts with a certificate of their own, by lower-case name; `*.example.org` stands for one label. */
  readonly hosts?: Readonly<Record<string, TlsHost>>
}

interface LoadedHost {
  readonly name: string
  readonly context: SecureContext
  readonly asks: 'optional' | 'required' | undefined
}

interface Loaded {
  readonly fallback: LoadedHost
  readonly hosts: ReadonlyMap<string, LoadedHost>
  readonly asks: boolean
}

/** Certificates of a server, which may be changed while it runs. */
export interface Tls {
  readonly http2: boolean
  serverOptions(): object
  attach<S extends object>(server: S): S
  /**
   * New connections use the new certificates, open ones stay as they are.
   * @throws Error when one cannot be loaded; then everything stays as it was
   */
  set(options: TlsOptions): void
  /** What stops a request for lack of a client certificate, if anything does. */
  refuse(raw: IncomingMessage, hostname: string): Fault | undefined
  /** The certificate that the client showed to this host, or to one with the same authorities. */
  certificate(raw: IncomingMessage, hostname: string): RequestFacts['clientCertificate']
}

/** @throws Error when a certificate or key cannot be loaded, with the host's name */
export function createTls(options: TlsOptions): Tls {
  let loaded = load(options)
  let server: (Server & { requestCert?: boolean }) | undefined
  const certificates = new WeakMap<object, RequestFacts['clientCertificate']>()

  function byName(name: string): LoadedHost {
    const exact = loaded.hosts.get(name)
    if (exact) return exact
    const dot = name.indexOf('.')
    return (dot > 0 ? loaded.hosts.get(`*${name.slice(dot)}`) : undefined) ?? loaded.fallback
  }

  function choose(this: unknown, name: string, done: (error: Error | null, context?: SecureContext) => void): void {
    const host = byName(name.toLowerCase())
    askOrNot(this, host)
    done(null, host.context)
  }

  return {
    http2: options.http2 !== false,
    serverOptions: () => ({
      ...contextOptions(options, options),
      SNICallback: choose,
      requestCert: loaded.asks,
      rejectUnauthorized: false, // a refusal is an answer with a reason, not a broken handshake
    }),
    attach(given) {
      server = given as unknown as Server
      return given
    },
    set(next) {
      loaded = load(next)
      if (!server) return
      server.setSecureContext(contextOptions(next, next))
      Object.assign(server, { requestCert: loaded.asks })
    },
    refuse(raw, hostname) {
      const host = byName(hostname)
      if (host.asks !== 'required') return undefined
      const socket = tlsSocketOf(raw)
      // A certificate shown to one host says nothing to another whose authorities differ.
      if (byName(socket.servername || '') !== host) return fault('request.misdirected', { host: hostname })
      return socket.authorized ? undefined : fault('tls.client_certificate', { host: hostname })
    },
    certificate(raw, hostname) {
      if (!loaded.asks) return undefined
      const socket = tlsSocketOf(raw)
      if (!socket.authorized) return undefined
      // As above: what another host's authorities vouch for is nothing here.
      if (byName(socket.servername || '') !== byName(hostname)) return undefined
      if (!certificates.has(socket)) certificates.set(socket, describe(socket))
      return certificates.get(socket)
    },
  }
}

/**
 * Whether a client is asked for its certificate is a property of the server in Node, not of the host: where one
 * host asks and this one does not, the question is taken back for this connection. If a Node version does not
 * let us, the client is asked and may decline, which changes nothing for this host.
 */
function askOrNot(socket: unknown, host: LoadedHost): void {
  const handle = (socket as { _handle?: { setVerifyMode?: (ask: boolean, reject: boolean) => void } } | undefined)?._handle
  if (host.asks === undefined) handle?.setVerifyMode?.(false, false)
}

function tlsSocketOf(raw: IncomingMessage): TLSSocket & { servername?: string | false } {
  const session = (raw as unknown as { stream?: { session?: { socket: TLSSocket } } }).stream?.session
  return (session?.socket ?? raw.socket) as TLSSocket & { servername?: string | false }
}

function describe(socket: TLSSocket): RequestFacts['clientCertificate'] {
  const peer = socket.getPeerCertificate()
  if (!peer?.subject) return undefined
  const subject = Object.entries(peer.subject).map(([key, value]) => `${key}=${String(value)}`)
  return Object.freeze({ subject: subject.join(', '), fingerprint256: peer.fingerprint256, sans: Object.freeze(parseAlternativeNames(peer.subjectaltname)) })
}

/**
 * `DNS:a, IP Address:10.0.0.1` as a list. Node quotes a name that holds a comma, a quote or the like; no honest name
 * does, so a quoted one stands for nobody.
 */
function parseAlternativeNames(text: string | undefined): string[] {
  if (text === undefined || text.includes('"')) return []
  return text.split(', ').map((name) => name.replace(/^IP Address:/, 'IP:'))
}

function load(options: TlsOptions): Loaded {
  const hosts = new Map<string, LoadedHost>()
  for (const [name, host] of Object.entries(options.hosts ?? {})) hosts.set(name.toLowerCase(), loadHost(name.toLowerCase(), host, options))
  const fallback = loadHost('', options, options)
  return { fallback, hosts, asks: [fallback, ...hosts.values()].some((host) => host.asks !== undefined) }
}

function loadHost(name: string, host: TlsHost, options: TlsOptions): LoadedHost {
  if (host.clientCertificate && !host.clientCa) throw new Error(`TLS for ${name || 'the default host'}: client certificates are asked for, but no authority that signs them is given.`)
  try {
    return { name, context: createSecureContext(contextOptions(host, options)), asks: host.clientCertificate }
  } catch (error) {
    throw new Error(`TLS for ${name || 'the default host'}: the certificate or its key cannot be used (${(error as Error).message}).`, { cause: error })
  }
}

function contextOptions(host: TlsHost, options: TlsOptions): { cert: string | Buffer; key: string | Buffer; minVersion: SecureVersion; passphrase?: string; ca?: string | Buffer } {
  return {
    cert: host.cert,
    key: host.key,
    minVersion: options.minVersion ?? 'TLSv1.2',
    ...(host.passphrase === undefined ? {} : { passphrase: host.passphrase }),
    ...(host.clientCa === undefined ? {} : { ca: host.clientCa }),
  }
}
