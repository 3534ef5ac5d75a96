import { isIP, isIPv4, isIPv6 } from 'node:net'
import { fault } from '../core/fault.ts'
import { effectiveAddress, kindOf, toSubnet, type Subnet } from './address.ts'

/** Which servers callouts may reach. Public addresses always; everything else by the allow-list only. */
export interface EgressPolicy {
  /**
   * Why a connection to `address` (what `host` resolved to) is refused; `undefined` when it is allowed.
   * @param host as in the URL: lower case, without brackets
   */
  refusal(host: string, port: number, address: string): string | undefined
}

interface Rule {
  readonly port: number | undefined
  matches(host: string, address: string): boolean
}

/**
 * Reads the entries of `SLUICE_EGRESS_ALLOW`: a host name (`api.internal`, `*.svc.internal`), an address
 * (`127.0.0.1`, `[::1]`) or a CIDR range (`10.0.0.0/8`, `[fd00::]/8`), each with an optional `:port`.
 * A host name allows whatever it resolves to.
 * @throws Fault `config.invalid` naming the entry
 */
export function parseEgressAllow(list: readonly string[]): EgressPolicy {
  const rules = list.map((entry) => entry.trim()).filter((entry) => entry !== '').map(parseRule)
  return {
    refusal(host, port, address) {
      const kind = kindOf(address)
      if (kind === undefined) return undefined
      const name = toName(host)
      const effective = effectiveAddress(address)
      if (rules.some((rule) => (rule.port === undefined || rule.port === port) && rule.matches(name, effective))) return undefined
      return kind === 'metadata' ? 'it is a cloud metadata address' : `it is a ${kind} address`
    },
  }
}

/** The entry that would allow `host` and `port`, to be named in a refusal. */
export function allowEntryOf(host: string, port: number): string {
  return `${isIPv6(host) ? `[${host}]` : host}:${port}`
}

function parseRule(entry: string): Rule {
  const invalid = (why: string) => fault('config.invalid', { message: `SLUICE_EGRESS_ALLOW: “${entry}” ${why}. Write a host, an address or a CIDR range, with an optional :port.` })
  const { subject, prefix, port } = split(entry, invalid)
  if (prefix !== undefined) {
    if (isIP(subject) === 0) throw invalid('has a prefix length but no address')
    const subnet = subnetOf(subject, prefix, invalid)
    return { port, matches: (_host, address) => subnet.contains(address) }
  }
  if (isIP(subject) !== 0) {
    const allowed = subnetOf(effectiveAddress(subject), isIPv4(effectiveAddress(subject)) ? 32 : 128, invalid)
    return { port, matches: (_host, address) => allowed.contains(address) }
  }
  const name = toName(subject)
  if (!/^(?:\*\.)?[a-z0-9_](?:[a-z0-9_.-]*[a-z0-9_])?$/.test(name)) throw invalid('is no host name')
  // A name that the URL parser would read as a number is an address in disguise and could never match.
  if (/^(?:0x[\da-f]*|\d+)$/.test(name.split('.').at(-1) as string)) throw invalid('is no address')
  if (name.startsWith('*.')) return { port, matches: (host) => host.endsWith(name.slice(1)) && host.length > name.length - 1 }
  return { port, matches: (host) => host === name }
}

function split(entry: string, invalid: (why: string) => Error): { subject: string; prefix: number | undefined; port: number | undefined } {
  // Bracketed: [address]/prefix:port, [address/prefix]:port. Bare IPv6 has more than one colon and so no port.
  const bracketed = /^\[(?<address>[^\]/]+)(?:\/(?<inner>\d+))?\](?:\/(?<outer>\d+))?(?::(?<port>\d+))?$/.exec(entry)?.groups
  const bare = isIPv6(entry.split('/', 1)[0] as string)
    ? /^(?<address>[^/]+)(?:\/(?<outer>\d+))?$/.exec(entry)?.groups
    : /^(?<address>[^:/[\]]+)(?:\/(?<outer>\d+))?(?::(?<port>\d+))?$/.exec(entry)?.groups
  const groups = bracketed ?? bare
  if (!groups) throw invalid('cannot be read')
  const prefix = groups.inner ?? groups.outer
  const port = groups.port === undefined ? undefined : Number(groups.port)
  if (port !== undefined && (port < 1 || port > 65_535)) throw invalid('has a port outside 1 to 65535')
  return { subject: groups.address as string, prefix: prefix === undefined ? undefined : Number(prefix), port }
}

function subnetOf(address: string, prefix: number, invalid: (why: string) => Error): Subnet {
  if (prefix > (isIPv4(address) ? 32 : 128)) throw invalid('has too long a prefix')
  return toSubnet(address, prefix)
}

/** Host names compare without case and without the root's dot. */
function toName(host: string): string {
  const lower = host.toLowerCase()
  return lower.endsWith('.') ? lower.slice(0, -1) : lower
}
