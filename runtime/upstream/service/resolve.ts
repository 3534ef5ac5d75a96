import { lookup as systemLookup, promises as dns } from 'node:dns'
import { isIP } from 'node:net'
import type { Lookup } from '../connector.ts'

/** How long the addresses of a name hold, in milliseconds; rejects when nobody says. */
export type TtlOf = (host: string) => Promise<number>

/** The addresses of a name, and until when they hold (elapsed milliseconds). `untilMs` may move once the DNS server has said it. */
export interface Resolved {
  readonly addresses: readonly string[]
  untilMs: number
}

/** @throws what the resolver throws, for a name without addresses */
export type Resolve = (host: string) => Promise<Resolved>

/** For names that no DNS server knows (a hosts file) or whose server is silent. */
const usualTtlMs = 30_000
/** A TTL of 0 means: ask each time. Once a second is as close as makes sense. */
const leastTtlMs = 1_000
const mostTtlMs = 3_600_000

/**
 * Names to addresses as the machine does it (hosts file, search list), which does not say how long they hold; DNS is asked for that
 * beside. IPv4 where a name has both: instances of the two kinds would be the same server twice.
 */
export function createResolve({ lookup = systemLookup, ttlOf = dnsTtl, now }: { readonly lookup?: Lookup | undefined; readonly ttlOf?: TtlOf | undefined; now(): number }): Resolve {
  return (host) => {
    if (isIP(host) !== 0) return Promise.resolve({ addresses: [host], untilMs: Infinity })
    return addressesOf(host, lookup).then((addresses) => {
      const resolved: Resolved = { addresses, untilMs: now() + usualTtlMs }
      void noteTtl(resolved, ttlOf(host), now())
      return resolved
    })
  }
}

function addressesOf(host: string, lookup: Lookup): Promise<readonly string[]> {
  return new Promise((done, failed) => {
    lookup(host, { all: true }, (error, found) => {
      if (error) return failed(error)
      const four = found.filter(({ family }) => family === 4)
      const addresses = [...new Set((four.length > 0 ? four : found).map(({ address }) => address))].sort()
      if (addresses.length === 0) failed(Object.assign(new Error(`no address for ${host}`), { code: 'ENOTFOUND' }))
      else done(addresses)
    })
  })
}

async function noteTtl(resolved: Resolved, ttl: Promise<number>, askedAtMs: number): Promise<void> {
  try {
    resolved.untilMs = askedAtMs + Math.min(mostTtlMs, Math.max(leastTtlMs, await ttl))
  } catch {
    // A name of the hosts file, or a server that is silent: the usual time stays.
  }
}

async function dnsTtl(host: string): Promise<number> {
  const resolver = new dns.Resolver({ timeout: 2_000, tries: 1 })
  const answers = await resolver.resolve4(host, { ttl: true }).catch(() => resolver.resolve6(host, { ttl: true }))
  return Math.min(...answers.map(({ ttl }) => ttl)) * 1000
}
