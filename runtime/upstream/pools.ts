import { createHash } from 'node:crypto'
import { isIP } from 'node:net'
import { createSecureContext, getCACertificates, type SecureContext } from 'node:tls'
import { Pool } from 'undici'
import type { UpstreamTls } from '../core/upstream/upstream.ts'
import { createConnector, type Lookup } from './connector.ts'
import type { EgressPolicy } from './egress-policy.ts'
import { splitUrl, toTarget } from './target.ts'

/** A pool of connections to one origin under one TLS profile, and where on it a request goes. */
export interface Place {
  readonly pool: Pool
  readonly host: string
  readonly path: string
}

export interface Pools {
  /** @throws Fault `upstream.url`; Error when a TLS profile cannot be read */
  find(url: string, tls: UpstreamTls | undefined, http2?: boolean): Place
  /**
   * Opens connections to one server for somebody who keeps them. `address`: the one that the host's name stands for; it passes the
   * egress policy like any other.
   * @throws Error when a TLS profile cannot be read
   */
  open(server: { readonly origin: string; readonly host: string; readonly port: number; readonly address: string | undefined; readonly tls: UpstreamTls | undefined; readonly http2: boolean }): OwnPool
  close(): Promise<void>
}

/** Connections that somebody keeps for himself. */
export interface OwnPool {
  readonly pool: Pool
  /** Calls that run on it finish; its connections close behind them. */
  retire(): void
}

const closedReason = 'callouts have ended: the gateway is shutting down'

interface Kept {
  readonly pool: Pool
  readonly host: string
  /** The TLS profile whose key it holds. */
  readonly profile: string | undefined
  /** Asked for since it was last looked at. */
  used: boolean
}

interface KeptContext {
  readonly context: SecureContext
  pools: number
}

/**
 * Keeps connections open between calls, per origin and TLS profile. Origins that were not used lately
 * give way when there are more than `originsLimit`, so a flow that calls a host per request leaks nothing. Those under a TLS profile
 * that nobody used for one to two times `unusedMs` are closed, and with the last of them the profile's key is forgotten: it may have been
 * replaced.
 */
export function createPools(options: {
  egress: EgressPolicy
  extraCa: readonly string[]
  connectTimeoutMs: number
  connectionsPerOrigin: number
  keepAliveMs: number
  originsLimit: number
  unusedMs: number
  lookup?: Lookup | undefined
}): Pools {
  const byOrigin = new Map<string, Kept>()
  const byProfile = new Map<string, Kept>()
  const profileKeys = new WeakMap<UpstreamTls, string>()
  const contexts = new Map<string, KeptContext>()
  const closing = new Set<Promise<void>>()
  const own = new Set<Pool>()
  let looking: NodeJS.Timeout | undefined
  let closed = false

  function open(origin: string, host: string, port: number, tls: UpstreamTls | undefined, profile: string, http2 = false, lookup = options.lookup): Kept {
    const secured = origin.startsWith('https:')
    const connect = createConnector({
      egress: options.egress,
      host,
      port,
      connectTimeoutMs: options.connectTimeoutMs,
      secureContext: secured ? contextOf(tls, profile) : undefined,
      servername: tls?.servername,
      minVersion: tls?.minVersion,
      http2,
      lookup,
    })
    const pool = new Pool(origin, {
      connect,
      connections: options.connectionsPerOrigin,
      pipelining: 1,
      allowH2: http2,
      keepAliveTimeout: options.keepAliveMs,
      headersTimeout: 0, // one timer per call, ours, covers everything
      bodyTimeout: 0,
    })
    return { pool, host, profile: secured ? profile : undefined, used: true }
  }

  function contextOf(tls: UpstreamTls | undefined, profile: string): SecureContext {
    const known = contexts.get(profile)
    if (known) {
      known.pools++
      return known.context
    }
    const roots = tls?.ca ? [tls.ca] : options.extraCa.length > 0 ? [...getCACertificates('default'), ...options.extraCa] : undefined
    const context = createSecureContext({
      minVersion: tls?.minVersion ?? 'TLSv1.2',
      ...(roots ? { ca: roots } : {}),
      ...(tls?.cert ? { cert: tls.cert } : {}),
      ...(tls?.key ? { key: tls.key } : {}),
      ...(tls?.pfx ? { pfx: Buffer.from(tls.pfx, 'base64') } : {}),
      ...(tls?.passphrase ? { passphrase: tls.passphrase } : {}),
    })
    contexts.set(profile, { context, pools: 1 })
    return context
  }

  /** A pool of the profile is let go of. */
  function leaveContext(profile: string): void {
    const known = contexts.get(profile)
    if (known && --known.pools === 0) contexts.delete(profile)
  }

  /** Closes what stands under a profile and was not asked for since the last look. */
  function look(): void {
    for (const [key, kept] of byProfile) {
      if (kept.used) {
        kept.used = false
        continue
      }
      byProfile.delete(key)
      retire(kept)
    }
    if (byProfile.size > 0) lookLater()
    else looking = undefined
  }

  function lookLater(): void {
    looking = setTimeout(look, options.unusedMs).unref()
  }

  function keep(map: Map<string, Kept>, key: string, kept: Kept): Kept {
    if (map.size >= options.originsLimit) {
      const [oldest, old] = map.entries().next().value as [string, Kept]
      map.delete(oldest)
      retire(old)
    }
    map.set(key, kept)
    return kept
  }

  /** Calls that run on it finish; its connections close behind them. */
  function retire({ pool, profile }: Kept): void {
    if (profile !== undefined) leaveContext(profile)
    const done = pool.close().catch(() => {}).finally(() => closing.delete(done))
    closing.add(done)
  }

  function keyOf(tls: UpstreamTls): string {
    const known = profileKeys.get(tls)
    if (known !== undefined) return known
    const key = createHash('sha256').update(JSON.stringify([tls.ca, tls.cert, tls.key, tls.pfx, tls.passphrase, tls.servername, tls.minVersion])).digest('base64')
    profileKeys.set(tls, key)
    return key
  }

  function findPlain(url: string): Place {
    const split = splitUrl(url)
    const known = split && byOrigin.get(split.origin)
    if (known) return { pool: known.pool, host: known.host, path: split.path }
    const { origin, host, port, path } = toTarget(url)
    const kept = refresh(byOrigin, origin) ?? keep(byOrigin, origin, open(origin, host, port, undefined, ''))
    return { pool: kept.pool, host, path }
  }

  /** Moves an origin to the young end, so that busy ones stay. */
  function refresh(map: Map<string, Kept>, key: string): Kept | undefined {
    const kept = map.get(key)
    if (kept && map.size >= options.originsLimit) {
      map.delete(key)
      map.set(key, kept)
    }
    return kept
  }

  return {
    find(url, tls, http2 = false) {
      if (closed) throw new Error(closedReason)
      if (tls === undefined && !http2) return findPlain(url)
      const { origin, host, port, path } = toTarget(url)
      const profile = tls === undefined ? '' : keyOf(tls)
      const key = `${origin} ${profile}${http2 ? ' h2' : ''}`
      const kept = refresh(byProfile, key) ?? keep(byProfile, key, open(origin, host, port, tls, profile, http2))
      kept.used = true
      if (looking === undefined) lookLater()
      return { pool: kept.pool, host, path }
    },
    open({ origin, host, port, address, tls, http2 }) {
      if (closed) throw new Error(closedReason)
      const kept = open(origin, host, port, tls, tls === undefined ? '' : keyOf(tls), http2, address === undefined ? options.lookup : always(address))
      const { pool } = kept
      own.add(pool)
      return {
        pool,
        retire: () => {
          if (own.delete(pool)) retire(kept)
        },
      }
    },
    async close() {
      closed = true
      clearTimeout(looking)
      const pools = [...[...byOrigin.values(), ...byProfile.values()].map(({ pool }) => pool), ...own]
      byOrigin.clear()
      byProfile.clear()
      own.clear()
      await Promise.all([...pools.map((pool) => pool.destroy()), ...closing])
    },
  }
}

/** Every name is this address: whoever asks has looked it up before. */
function always(address: string): Lookup {
  return (_host, _options, callback) => callback(null, [{ address, family: isIP(address) }])
}
