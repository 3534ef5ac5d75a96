import { isIP } from 'node:net'
import type { Log } from '../../core/log.ts'
import type { TargetsPolicy } from '../../core/upstream/upstream-service.ts'
import type { OwnPool, Place, Pools } from '../pools.ts'
import { splitUrl, toTarget } from '../target.ts'
import type { Candidate } from './balancer.ts'
import type { Judged } from './ejection.ts'
import type { Resolve, Resolved } from './resolve.ts'

/** One server of an upstream: a target at one address. */
export class Instance implements Candidate, Judged {
  readonly id: string
  /** `https://host:port`, as the URL parser writes it. */
  readonly origin: string
  /** URL that paths are appended to, without a slash at the end. */
  readonly base: string
  readonly host: string
  readonly address: string | undefined
  weight: number
  sinceMs: number
  inFlight = 0
  turn = 0
  failures = 0
  ejections = 0
  ejectedUntilMs = 0
  healthy = true
  /** Checks in a row that ended the same way. */
  checksAlike = 0
  #connections: Connections

  constructor(place: { readonly id: string; readonly origin: string; readonly base: string; readonly host: string; readonly address: string | undefined }, weight: number, sinceMs: number, connections: Connections) {
    this.id = place.id
    this.origin = place.origin
    this.base = place.base
    this.host = place.host
    this.address = place.address
    this.weight = weight
    this.sinceMs = sinceMs
    this.#connections = connections
  }

  /** Its own connections for a URL at its origin. */
  placeOf(url: string): Place | undefined {
    return this.#place(url, this.#connections.usual())
  }

  /** Those for WebSockets, which are opened by HTTP/1.1 alone. */
  tunnelPlaceOf(url: string): Place | undefined {
    return this.#place(url, this.#connections.http1())
  }

  /** Other connections from now on; calls under way end on the old ones. */
  reconnect(connections: Connections): void {
    this.retire()
    this.#connections = connections
  }

  /** Calls under way finish; connections close behind them. */
  retire(): void {
    this.#connections.retire()
  }

  #place(url: string, { pool }: OwnPool): Place | undefined {
    const { origin, path } = splitUrl(url) ?? toTarget(url)
    return origin === this.origin ? { pool, host: this.host, path } : undefined
  }
}

/** Connections of one instance. */
interface Connections {
  usual(): OwnPool
  http1(): OwnPool
  retire(): void
}

interface Target {
  readonly url: string
  readonly weight: number
  readonly origin: string
  readonly host: string
  readonly port: number
  readonly base: string
  resolved: Resolved | undefined
  asking: Promise<void> | undefined
}

/** After a name could not be looked up, it is asked for again. */
const askAgainMs = 1_000

/**
 * The instances behind an upstream's targets, kept in step with the names' addresses: when what DNS said has run out it is asked
 * again beside the calls, which meanwhile go to the addresses known. Who is gone takes no new call, and ends those it has.
 */
export class Instances {
  all: readonly Instance[] = []
  #policy: TargetsPolicy
  #targets: Target[] = []
  #http2 = false
  #tls = ''
  #closed = false
  readonly #parts: { readonly resolve: Resolve; readonly openPool: Pools['open']; now(): number; readonly log: Log }

  constructor(policy: TargetsPolicy, parts: { readonly resolve: Resolve; readonly openPool: Pools['open']; now(): number; readonly log: Log }) {
    this.#parts = parts
    this.#policy = policy
    this.configure(policy)
  }

  configure(policy: TargetsPolicy): void {
    const known = new Map(this.#targets.map((target) => [target.url, target]))
    this.#targets = policy.targets.map(({ url, weight }) => ({ ...toPlace(url), url, weight, resolved: known.get(url)?.resolved, asking: undefined }))
    this.#policy = policy
    const tls = JSON.stringify(policy.tls ?? '')
    const another = policy.http2 !== this.#http2 || tls !== this.#tls
    this.#http2 = policy.http2
    this.#tls = tls
    for (const target of this.#targets) if (isIP(target.host) !== 0) target.resolved = { addresses: [target.host], untilMs: Infinity }
    if (another) for (const instance of this.all) instance.reconnect(this.#connect(instance, toTarget(instance.origin).port))
    this.#settle()
  }

  /** Sees to it that addresses are known and not too old; a promise while there is none at all. Rejects when there can be none. */
  ready(): Promise<void> | undefined {
    const now = this.#parts.now()
    let asking: Promise<void>[] | undefined
    for (const target of this.#targets) {
      if (target.resolved && target.resolved.untilMs > now) continue
      target.asking ??= this.#ask(target).finally(() => (target.asking = undefined))
      ;(asking ??= []).push(target.asking)
    }
    if (asking === undefined) return undefined
    if (this.all.length > 0) {
      for (const one of asking) one.catch(() => {}) // calls go on with the addresses known
      return undefined
    }
    return Promise.any(asking).catch((error: AggregateError) => {
      throw error.errors[0]
    })
  }

  close(): void {
    this.#closed = true
    for (const instance of this.all) instance.retire()
    this.all = []
  }

  async #ask(target: Target): Promise<void> {
    try {
      target.resolved = await this.#parts.resolve(target.host)
    } catch (error) {
      if (target.resolved) target.resolved.untilMs = this.#parts.now() + askAgainMs
      this.#parts.log.warn({ host: target.host, reason: (error as Error).message }, 'a name of an upstream cannot be looked up')
      throw error
    }
    if (!this.#closed && this.#targets.includes(target)) this.#settle()
  }

  /** Opens instances that are new, retires those that are gone; the others stay as they are. */
  #settle(): void {
    const known = new Map(this.all.map((instance) => [instance.id, instance]))
    const next: Instance[] = []
    const fresh = this.all.length === 0
    for (const target of this.#targets) {
      const { addresses } = target.resolved ?? { addresses: [] }
      for (const address of addresses) {
        const id = address === target.host ? target.base : `${target.base}@${address}`
        const weight = target.weight / addresses.length
        const instance = known.get(id) ?? this.#open(target, address, id, weight, fresh)
        if (known.delete(id)) instance.weight = weight
        else if (next.includes(instance)) continue
        next.push(instance)
      }
    }
    this.all = next
    for (const gone of known.values()) gone.retire()
  }

  /** Those that are there from the start all begin warm: there is nobody else to take their share. */
  #open(target: Target, address: string, id: string, weight: number, fresh: boolean): Instance {
    const place = { id, origin: target.origin, base: target.base, host: target.host, address: address === target.host ? undefined : address }
    return new Instance(place, weight, fresh ? -Infinity : this.#parts.now(), this.#connect(place, target.port))
  }

  #connect({ origin, host, address }: { readonly origin: string; readonly host: string; readonly address: string | undefined }, port: number): Connections {
    const { tls, http2 } = this.#policy
    const open = (two: boolean) => this.#parts.openPool({ origin, host, port, address, tls, http2: two })
    const usual = open(http2)
    // Where HTTP/2 is spoken a second pool, for those who first need one.
    let http1 = http2 ? undefined : usual
    return {
      usual: () => usual,
      http1: () => (http1 ??= open(false)),
      retire() {
        usual.retire()
        if (http1 !== usual) http1?.retire()
      },
    }
  }
}

function toPlace(url: string): Pick<Target, 'origin' | 'host' | 'port' | 'base'> {
  const { origin, host, port, path } = toTarget(url)
  return { origin, host, port, base: origin + path.replace(/\/+$/, '') }
}
