import createRouter from 'find-my-way'
import type { BuildRoutes, Route, RouteConflict, RouteMatch, RouteTable } from '../core/deployment.ts'
import { versionKey } from '../core/access/version-order.ts'
import { ownText } from '../core/values/own-text.ts'
import { hostnameOf } from './hostname.ts'
import { areApart, toPlaceRoute } from './place-versions.ts'
import { toPatterns, trimSlash, type Pattern } from '../core/http/route-path.ts'

/**
 * Routes by host, first path segment and method. Routing is as Express users know it: the case of fixed
 * parts and a trailing slash do not matter, parameters keep their case. What is fixed wins over what
 * varies; a route of the method wins over one that answers all methods; a host's own routes win over
 * those of every host. Where versions are served side by side, the route found stands for them all.
 *
 * A deployment is changed often and in small places, so a shard (the routes of one host and first
 * segment) is taken over from the table before when its routes are the same, and its search tree when
 * at least its patterns are.
 */
export class ShardedRouteTable implements RouteTable {
  readonly size: number
  /** Shards whose search trees had to be made for this table; the others were taken over. */
  readonly built: number
  readonly patterns: Patterns
  readonly #shards: ReadonlyMap<string, Shard>
  readonly #hosts: ReadonlySet<string>
  /** What was found for a GET of a path without parameters, where every host is served the same. */
  readonly #known = new Map<string, Route>()
  readonly #methods: readonly string[]
  readonly #versions: ReadonlyMap<string, ShardedRouteTable>

  constructor(size: number, built: number, shards: ReadonlyMap<string, Shard>, patterns: Patterns, versions: ReadonlyMap<string, ShardedRouteTable>) {
    this.size = size
    this.patterns = patterns
    this.built = built
    this.#shards = shards
    this.#versions = versions
    this.#hosts = new Set([...shards.values()].map((shard) => shard.host).filter((host) => host !== ''))
    this.#methods = [...new Set([...shards.values()].flatMap((shard) => shard.methods))].filter((method) => method !== 'ALL')
  }

  /** The shard of a host (empty: every host) and a first segment (`undefined`: those that begin with a parameter). */
  shard(host: string, segment: string | undefined): Shard | undefined {
    return this.#shards.get(shardKey(host, segment))
  }

  shards(): ReadonlyMap<string, Shard> {
    return this.#shards
  }

  /**
   * What one version has at a place may be a wider pattern than what another has: who asks for a version is answered by that
   * version, as if it were the only one.
   */
  ofVersion(version: string): ShardedRouteTable | undefined {
    return this.#versions.get(versionKey(version))
  }

  find(method: string, path: string, host: string): RouteMatch {
    const keeps = method === 'GET' && this.#hosts.size === 0
    const known = keeps ? this.#known.get(path) : undefined
    if (known) return { kind: 'found', route: known, params: noParams }
    const place = toPlace(path)
    const hostname = this.#hosts.size === 0 ? '' : hostnameOf(host)
    const found = this.#search(method, place, hostname)
    if (!found) return this.#missing(place, hostname)
    if (keeps && found.kind === 'found' && found.params === noParams && this.#known.size < mostKnown) this.#known.set(ownText(path), found.route)
    return found
  }

  #search(method: string, place: Place, hostname: string): RouteMatch | undefined {
    if (hostname !== '' && this.#hosts.has(hostname)) {
      const found = this.#searchHost(method, place, hostname)
      if (found) return found
    }
    return this.#searchHost(method, place, '')
  }

  #searchHost(method: string, place: Place, host: string): RouteMatch | undefined {
    const own = this.#shards.get(host === '' ? place.segment : `${host}/${place.segment}`)
    const found = own?.find(method, place)
    if (found) return found
    const open = this.#shards.get(shardKey(host, undefined))
    return (
      open?.find(method, place) ??
      (method === 'HEAD' ? (own?.find('GET', place) ?? open?.find('GET', place)) : undefined) ??
      own?.find('ALL', place) ??
      open?.find('ALL', place)
    )
  }

  #missing(place: Place, hostname: string): RouteMatch {
    let route: Route | undefined
    const allow: string[] = []
    for (const method of this.#methods) {
      const found = this.#search(method, place, hostname)
      if (found?.kind !== 'found') continue
      route ??= found.route
      allow.push(method)
    }
    if (!route) return { kind: 'none' }
    if (allow.includes('GET') && !allow.includes('HEAD')) allow.push('HEAD')
    if (!allow.includes('OPTIONS')) allow.push('OPTIONS')
    return { kind: 'method', allow: allow.toSorted(), route }
  }
}

/** What a request's path is looked up by. */
interface Place {
  readonly path: string
  /** Decoded, lower case, without trailing slash: what fixed patterns are compared with. */
  readonly lower: string
  readonly segment: string
}

function toPlace(path: string): Place {
  const decoded = path.includes('%') ? decodePath(path) : path
  const lower = trimSlash(decoded).toLowerCase()
  const end = lower.indexOf('/', 1)
  return { path, lower, segment: end === -1 ? lower.slice(1) : lower.slice(1, end) }
}

function decodePath(path: string): string {
  try {
    return decodeURI(path)
  } catch {
    return path
  }
}

/** Paths without parameters that are kept as they were asked for; a place may be asked for in many spellings. */
const mostKnown = 20_000

type Tree = ReturnType<typeof createRouter>
const noParams: Readonly<Record<string, string | undefined>> = Object.freeze(Object.create(null) as Record<string, string>)
const unused = (): void => {}
const noQuery = (): undefined => undefined

/** A route under one of its patterns. */
interface Spot {
  readonly route: Route
  readonly pattern: Pattern
}

/** Patterns of one shard, made searchable. Holds places in the shard's list, not routes, so that a new revision can take it over. */
interface Index {
  /** Method → path in lower case → place. */
  readonly fixed: ReadonlyMap<string, ReadonlyMap<string, number>>
  readonly varying: ReadonlyMap<string, Tree>
  /** Patterns with a wildcard by method, the closest first. */
  readonly rests: ReadonlyMap<string, readonly Rest[]>
  /** Place in the list → all places with the same pattern, itself first, where versions are served. */
  readonly versions: ReadonlyMap<number, readonly number[]>
}

/** The routes of one host and first segment. Immutable. */
export class Shard {
  readonly host: string
  readonly methods: readonly string[]
  readonly conflicts: readonly RouteConflict[]
  readonly spots: readonly Spot[]
  readonly index: Index
  readonly #routes: readonly Route[]

  constructor(host: string, spots: readonly Spot[], taken: Index | undefined) {
    this.host = host
    this.spots = spots
    this.methods = [...new Set(spots.map((spot) => spot.route.entry.method))]
    const conflicts: RouteConflict[] = []
    this.index = taken ?? indexOf(spots, conflicts)
    this.conflicts = conflicts
    const routes = spots.map(({ route }) => route)
    for (const [place, same] of this.index.versions) routes[place] = toPlaceRoute(same.map((at) => (spots[at] as Spot).route))
    this.#routes = routes
  }

  find(method: string, place: Place): RouteMatch | undefined {
    const fixed = this.index.fixed.get(method)?.get(place.lower)
    if (fixed !== undefined) return { kind: 'found', route: this.#routes[fixed] as Route, params: noParams }
    const tree = this.index.varying.get(method)
    return tree === undefined ? undefined : this.#findVarying(tree, method, place)
  }

  #findVarying(tree: Tree, method: string, place: Place): RouteMatch | undefined {
    const whole = place.path
    const trimmed = trimSlash(whole)
    // U+0130 is the one character whose lower case is longer; it would shift every parameter after it.
    const odd = place.lower.length !== trimmed.length && whole.includes('%') && /\u0130/.test(decodePath(whole))
    const path = odd ? encodeURI(decodePath(trimmed).replaceAll('\u0130', standIn)) : trimmed
    const found = tree.find('GET', path)
    if (trimmed.length !== whole.length) {
      // A wildcard keeps the slash that others do without: “/files/” is an empty rest under “/files/*”, which is closer than “/:name”.
      const rest = this.#findRest(method, place)
      if (!found || '*' in found.params || (rest && rest.rank < (found.store as Stored).rank)) return rest?.match
    }
    if (!found) return undefined
    const params = found.params
    for (const name in params) {
      if (params[name] === '' && name !== '*') return this.#findRest(method, place)?.match
      if (odd) params[name] = params[name]?.replaceAll(standIn, '\u0130')
    }
    return { kind: 'found', route: this.#routes[(found.store as Stored).place] as Route, params }
  }

  /**
   * A parameter stands for at least one character, but find-my-way lets it be empty and looks no further. Where a
   * segment is empty only a wildcard can match, so those are tried by themselves.
   */
  #findRest(method: string, place: Place): { readonly rank: string; readonly match: RouteMatch } | undefined {
    for (const { expression, names, rank, place: at } of this.index.rests.get(method) ?? []) {
      const values = expression.exec(place.path.includes('%') ? decodePath(place.path) : place.path)
      if (!values) continue
      const params = Object.fromEntries(names.map((name, n) => [name, decodeOnce(values[n + 1] ?? '')]))
      return { rank, match: { kind: 'found', route: this.#routes[at] as Route, params: Object.assign(Object.create(null) as object, params) } }
    }
    return undefined
  }
}

/** A pattern that ends with a wildcard, as an expression. */
interface Rest {
  readonly expression: RegExp
  readonly names: readonly string[]
  readonly rank: string
  readonly place: number
}

/** What a search tree holds for a pattern. */
interface Stored {
  readonly place: number
  readonly rank: string
}

/** Sorts what is fixed before what varies before what takes the rest, from the left. */
function rankOf(pattern: string): string {
  return pattern.toLowerCase().replaceAll(/:\w+/g, '\uFFFE').replace('*', '\uFFFF')
}

function toRest(pattern: string, place: number): Rest | undefined {
  if (!pattern.endsWith('*') || pattern.includes('(')) return undefined
  const names = [...pattern.matchAll(/:(\w+)|\*$/g)].map((found) => found[1] ?? '*')
  const source = pattern.replaceAll(/[.\\+?^${}()|[\]]/g, '\\$&').replaceAll(/:\w+/g, '([^/]+)').replace(/\*$/, '(.*)')
  return { expression: new RegExp(`^${source}$`, 'is'), names, rank: rankOf(pattern), place }
}

function decodeOnce(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

const standIn = '\uF8FF'

function indexOf(spots: readonly Spot[], conflicts: RouteConflict[]): Index {
  const fixed = new Map<string, Map<string, number>>()
  const varying = new Map<string, Tree>()
  const rests = new Map<string, Rest[]>()
  const seen = new Map<string, number[]>()
  const versions = new Map<number, readonly number[]>()
  for (const [place, { route, pattern }] of spots.entries()) {
    const { method, path, host } = route.entry
    const places = seen.get(`${method} ${pattern.canonical}`)
    const same = places?.map((at) => (spots[at] as Spot).route).find((other) => !areApart(other, route))
    if (places && !same) {
      places.push(place)
      versions.set(places[0] as number, places)
      continue
    }
    if (same) {
      const on = host ? ` on ${host}` : ''
      conflicts.push({ route, other: same, reason: `${method} ${path}${on}${route.version === undefined ? '' : ` in version ${route.version}`} would answer the same requests as ${same.entry.method} ${same.entry.path}. Change or remove one of them.` })
      continue
    }
    const own = [place]
    seen.set(`${method} ${pattern.canonical}`, own)
    if (route.version !== undefined) versions.set(place, own)
    if (pattern.fixed) {
      const paths = fixed.get(method) ?? new Map<string, number>()
      fixed.set(method, paths.set(pattern.path.toLowerCase(), place))
      continue
    }
    const tree = varying.get(method) ?? createRouter({ caseSensitive: false, maxParamLength: 1000, querystringParser: noQuery })
    varying.set(method, tree)
    try {
      const stored: Stored = { place, rank: rankOf(pattern.path) }
      tree.on('GET', pattern.path, unused, stored)
      const rest = toRest(pattern.path, place)
      if (rest) rests.set(method, [...(rests.get(method) ?? []), rest].toSorted((a, b) => (a.rank < b.rank ? -1 : 1)))
    } catch (error) {
      const said = error instanceof Error ? error.message : String(error)
      conflicts.push({ route, reason: `The path “${path}” cannot be served: ${said} Use plain parameters (“/:name”) and check their values in the flow.` })
    }
  }
  return { fixed, varying, rests, versions }
}

function shardKey(host: string, segment: string | undefined): string {
  const key = segment ?? '*'
  return host === '' ? key : `${host}/${key}`
}

/** Patterns by route, worked out once for as long as the route lives; handed on from table to table. */
type Patterns = WeakMap<Route, ReturnType<typeof toPatterns>>

function patternsOf(route: Route, known: Patterns): ReturnType<typeof toPatterns> {
  let patterns = known.get(route)
  if (!patterns) known.set(route, (patterns = toPatterns(route.entry.path)))
  return patterns
}

/** Builds a table of the routes, taking over from `previous` whatever did not change. */
export const buildRoutes: BuildRoutes = (routes, previous) => {
  const old = previous instanceof ShardedRouteTable ? previous : undefined
  const { shards, built, known, conflicts } = buildShards(routes, old)
  conflicts.push(...findForeign(routes, known))
  const versioned = Map.groupBy(routes.filter(({ version }) => version !== undefined), ({ version }) => versionKey(version as string))
  const versions = new Map<string, ShardedRouteTable>()
  for (const [key, some] of versioned) {
    const part = buildShards(some, old?.ofVersion(key))
    versions.set(key, new ShardedRouteTable(some.length, part.built, part.shards, part.known, new Map()))
  }
  return { table: new ShardedRouteTable(routes.length, built, shards, known, versions), conflicts }
}

/**
 * A path belongs to one organisation: with another method, version or host name the routes of somebody else would get calls
 * that are meant for those that are there.
 */
function findForeign(routes: readonly Route[], known: Patterns): RouteConflict[] {
  if (routes.every(({ organisation }) => organisation === undefined)) return []
  const places = new Map<string, Route[]>()
  const conflicts: RouteConflict[] = []
  for (const route of routes) {
    const patterns = patternsOf(route, known)
    for (const { canonical } of 'reason' in patterns ? [] : patterns) {
      const there = places.get(canonical) ?? []
      const other = there.find((one) => one.organisation !== route.organisation && meet(one.entry.host, route.entry.host))
      if (other) {
        conflicts.push({ route, other, reason: `${route.entry.method} ${route.entry.path} is a path of another organisation. Choose another path.` })
        break
      }
      there.push(route)
      places.set(canonical, there)
    }
  }
  return conflicts
}

function meet(host: string | undefined, other: string | undefined): boolean {
  return host === undefined || other === undefined || host.toLowerCase() === other.toLowerCase()
}

function buildShards(routes: readonly Route[], old: ShardedRouteTable | undefined) {
  const known: Patterns = old?.patterns ?? new WeakMap()
  const conflicts: RouteConflict[] = []
  const groups = new Map<string, { host: string; spots: Spot[] }>()
  for (const route of routes) {
    const patterns = patternsOf(route, known)
    if ('reason' in patterns) {
      conflicts.push({ route, reason: patterns.reason })
      continue
    }
    const host = route.entry.host?.toLowerCase() ?? ''
    for (const pattern of patterns) {
      const key = shardKey(host, pattern.shard)
      const group = groups.get(key)
      if (group) group.spots.push({ route, pattern })
      else groups.set(key, { host, spots: [{ route, pattern }] })
    }
  }
  const shards = new Map<string, Shard>()
  let built = 0
  for (const [key, { host, spots }] of groups) {
    const before = old?.shards().get(key)
    const like = before && before.conflicts.length === 0 ? likeness(before.spots, spots) : 'other'
    if (like === 'other') built++
    const shard = like === 'same' ? (before as Shard) : new Shard(host, spots, like === 'patterns' ? before?.index : undefined)
    shards.set(key, shard)
    conflicts.push(...shard.conflicts)
  }
  return { shards, built, known, conflicts }
}

function likeness(old: readonly Spot[], now: readonly Spot[]): 'same' | 'patterns' | 'other' {
  if (old.length !== now.length) return 'other'
  let same = true
  for (const [place, spot] of now.entries()) {
    const other = old[place] as Spot
    if (spot.route === other.route && spot.pattern === other.pattern) continue
    if (spot.pattern.path !== other.pattern.path || spot.route.entry.method !== other.route.entry.method || spot.route.version !== other.route.version) return 'other'
    same = false
  }
  return same ? 'same' : 'patterns'
}
