import { fault } from '../core/fault.ts'
import { shownUrl } from '../core/upstream/shown-url.ts'

/** A URL as a connection needs it. */
export interface Target {
  /** `http://host:port` as the URL parser writes it. */
  readonly origin: string
  /** Lower case, without brackets. */
  readonly host: string
  readonly port: number
  /** Path and query, percent-encoded. */
  readonly path: string
}

/**
 * Reads an absolute http or https URL (WHATWG URL standard, which also turns every spelling of an IPv4
 * address into the dotted one).
 * @throws Fault `upstream.url`
 */
export function toTarget(url: string): Target {
  const refuse = () => fault('upstream.url', { url: shownUrl(url) })
  if (!URL.canParse(url)) throw refuse()
  const { protocol, origin, hostname, port, pathname, search } = new URL(url)
  if (protocol !== 'http:' && protocol !== 'https:') throw refuse()
  const host = hostname.startsWith('[') ? hostname.slice(1, -1) : hostname
  return { origin, host, port: port === '' ? (protocol === 'https:' ? 443 : 80) : Number(port), path: pathname + search }
}

/** A path and query that the URL parser would leave as it is: no dot segments, nothing to encode. */
const plainPath = /^\/[\w\-~!$&'()*+,;=:@%/?.]*$/

/**
 * Splits a URL into origin and path without parsing it, for origins that a parse has confirmed before.
 * `undefined` when only the parser can say.
 */
export function splitUrl(url: string): { origin: string; path: string } | undefined {
  const slash = url.indexOf('/', 8)
  if (slash === -1) return undefined
  const path = url.slice(slash)
  if (path.includes('/.') || path.includes('/%2') || path.includes("'") || !plainPath.test(path)) return undefined
  return { origin: url.slice(0, slash), path }
}
