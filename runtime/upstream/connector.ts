import { lookup as systemLookup, type LookupAddress, type LookupOptions } from 'node:dns'
import { isIP, type LookupFunction } from 'node:net'
import type { SecureContext } from 'node:tls'
import { buildConnector } from 'undici'
import { fault } from '../core/fault.ts'
import { allowEntryOf, type EgressPolicy } from './egress-policy.ts'

/** How names become addresses; the default is the machine's resolver. */
export type Lookup = (hostname: string, options: LookupOptions & { all: true }, callback: (error: Error | null, addresses: LookupAddress[]) => void) => void

/**
 * Opens connections for one origin under the egress policy. The policy sees the very addresses that the
 * socket will use, so a name that changes its address between check and connect (DNS rebinding) gains
 * nothing; addresses that are refused are left out, and when none is left the connection fails with
 * `egress.denied`.
 */
export function createConnector(options: {
  egress: EgressPolicy
  host: string
  port: number
  connectTimeoutMs: number
  secureContext: SecureContext | undefined
  servername: string | undefined
  minVersion?: 'TLSv1.2' | 'TLSv1.3' | undefined
  /** Offer HTTP/2 in TLS (ALPN). */
  http2?: boolean
  lookup?: Lookup | undefined
}): ReturnType<typeof buildConnector> {
  const { egress, host, port } = options
  const resolve: Lookup = options.lookup ?? systemLookup

  const lookup: LookupFunction = (hostname, wanted, callback) => {
    resolve(hostname, { ...wanted, all: true }, (error, addresses) => {
      if (error) return callback(error, '', 0)
      const allowed = addresses.filter(({ address }) => egress.refusal(host, port, address) === undefined)
      const first = allowed[0]
      if (first === undefined) return callback(denied(addresses[0]?.address ?? hostname), '', 0)
      if (wanted.all) return callback(null, allowed)
      callback(null, first.address, first.family)
    })
  }

  function denied(address: string): Error {
    return fault('egress.denied', { host, address, reason: egress.refusal(host, port, address), allow: allowEntryOf(host, port) })
  }

  const connect = buildConnector({
    timeout: options.connectTimeoutMs,
    allowH2: options.http2 === true,
    lookup,
    ...(options.secureContext ? { secureContext: options.secureContext, minVersion: options.minVersion ?? 'TLSv1.2', rejectUnauthorized: true } : {}),
    ...(options.servername ? { servername: options.servername } : {}),
  })

  return (target, callback) => {
    // A literal address never goes through lookup.
    if (isIP(host) !== 0 && egress.refusal(host, port, host) !== undefined) {
      queueMicrotask(() => callback(denied(host), null))
      return
    }
    // undici derives the server name from the Host header; ours never sets one, so the URL's host is verified.
    connect(target, callback)
  }
}
