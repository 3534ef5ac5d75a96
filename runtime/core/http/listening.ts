import type { AddressInfo, Server } from 'node:net'

/** The error of a port that somebody else holds. */
export interface PortBusy extends Error {
  readonly code: 'port.busy'
  readonly host: string
  readonly port: number
}

/**
 * Opens a port and says which: 0 picks a free one. `reusePort`: others may listen there too.
 * @throws PortBusy when the port is taken
 */
export async function listen(server: Server, { host, port, reusePort = false }: { readonly host: string; readonly port: number; readonly reusePort?: boolean | undefined }): Promise<number> {
  await new Promise<void>((resolve, reject) => {
    // For as long as the server lives: a connection that cannot be accepted (no file handle is left) ends nobody else's.
    server.on('error', (error: NodeJS.ErrnoException) => reject(error.code === 'EADDRINUSE' ? portBusy(host, port, error) : error))
    server.listen({ host, port, ...(reusePort ? { reusePort } : {}) }, () => resolve())
  })
  return (server.address() as AddressInfo).port
}

/** A host as it stands in a URL: IPv6 addresses in brackets (RFC 3986 §3.2.2). */
export function toUrlHost(host: string): string {
  return host.includes(':') ? `[${host}]` : host
}

interface Closing {
  close(then: () => void): unknown
  closeIdleConnections(): void
  closeAllConnections(): void
}

/** Takes no more connections, and resolves when what is under way has ended; after `graceMs` it is cut. */
export async function closeWithin(server: Closing, graceMs: number): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()))
  server.closeIdleConnections()
  const force = setTimeout(() => server.closeAllConnections(), graceMs)
  await closed
  clearTimeout(force)
}

function portBusy(host: string, port: number, cause: Error): PortBusy {
  return Object.assign(new Error(`Port ${port} on ${host} is in use.`, { cause }), { code: 'port.busy' as const, host, port })
}
