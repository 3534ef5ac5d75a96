import type { Route } from '../core/deployment.ts'
import type { Problem } from '../core/flow.ts'
import { toPatterns } from '../core/http/route-path.ts'
import type { AssembledFlow } from './assemble.ts'
import { routeKey } from './check-routes.ts'

/** Two routes of different owners that one call could mean. */
export interface Overlap {
  /** Both routes: the same as long as neither changes. */
  readonly pair: string
  /** One for each of the two. */
  readonly problems: readonly Problem[]
}

/** One part of a path between slashes. `open`: something varies between beginning and end. */
interface Part {
  readonly start: string
  readonly end: string
  readonly open: boolean
}

interface Path {
  readonly parts: readonly Part[]
  /** Takes all that lies below. */
  readonly rest: boolean
}

interface Place {
  readonly route: Route
  readonly flow: AssembledFlow
}

/** Paths that begin alike, part by part. */
interface Branch {
  /** Whose paths are here and below. */
  readonly owners: Set<string | undefined>
  readonly fixed: Map<string, Branch>
  readonly open: Map<string, { readonly part: Part; readonly below: Branch }>
  readonly here: Place[]
  readonly rests: Place[]
}

const mostFound = 10_000

/**
 * Routes of different owners that one call could mean: `/orders/:id` and `/orders/7`, `/orders/*` and `/orders/7/lines`. The closer one, or
 * the one of another method, would get calls, and the credentials in them, that are meant for the other. What an expression allows in a
 * parameter is not looked into. `/*` of nobody's is for what nobody answers, and leaves everything else to others.
 */
export function findOverlaps(flows: readonly AssembledFlow[], most = mostFound): readonly Overlap[] {
  const places = flows.flatMap((flow) => flow.routes.map((route): Place => ({ route, flow })))
  if (places.every(({ route }) => route.organisation === places[0]?.route.organisation)) return []
  const root = toBranch()
  const found = new Map<string, Overlap>()
  for (const place of places) {
    for (const path of pathsOf(place.route)) {
      if (place.route.organisation === undefined && path.rest && path.parts.length === 0) continue
      for (const other of meeting(root, path, place.route.organisation)) {
        // Of the very same place it is said elsewhere.
        if (!sameHost(other.route, place.route) || routeKey(other.route.entry) === routeKey(place.route.entry)) continue
        const pair = `${keyOf(other.route)}\n${keyOf(place.route)}`
        if (!found.has(pair)) found.set(pair, { pair, problems: [toProblem(place, other.route), toProblem(other, place.route)] })
        if (found.size === most) return [...found.values()]
      }
      insert(root, path, place)
    }
  }
  return [...found.values()]
}

const toBranch = (): Branch => ({ owners: new Set(), fixed: new Map(), open: new Map(), here: [], rests: [] })

/** What a path can stand for; nothing when it cannot be served. */
function pathsOf({ entry }: Route): readonly Path[] {
  const patterns = toPatterns(entry.path)
  return 'reason' in patterns ? [] : patterns.map(({ path }) => toPath(path.toLowerCase()))
}

function toPath(pattern: string): Path {
  const parts = pattern.split('/').slice(1).filter((text) => text !== '' && text !== '*')
  return { parts: parts.map((text) => (text.endsWith('*') ? { ...toPart(text.slice(0, -1)), end: '', open: true } : toPart(text))), rest: pattern.endsWith('*') }
}

function toPart(text: string): Part {
  const from = text.indexOf(':')
  if (from === -1) return { start: text, end: '', open: false }
  return { start: text.slice(0, from), end: /^:\w+(?:\(.*\))?(.*)$/.exec(text.slice(text.lastIndexOf(':')))?.[1] ?? '', open: true }
}

function insert(root: Branch, { parts, rest }: Path, place: Place): void {
  let branch = root
  branch.owners.add(place.route.organisation)
  for (const part of parts) {
    const key = part.open ? `${part.start}:${part.end}` : part.start
    let next = part.open ? branch.open.get(key)?.below : branch.fixed.get(key)
    if (!next) {
      next = toBranch()
      if (part.open) branch.open.set(key, { part, below: next })
      else branch.fixed.set(key, next)
    }
    branch = next
    branch.owners.add(place.route.organisation)
  }
  ;(rest ? branch.rests : branch.here).push(place)
}

/** What others have put in so far that can stand for a path for which this one stands as well. */
function* meeting(branch: Branch, path: Path, owner: string | undefined, at = 0): Generator<Place> {
  if (branch.owners.size === 1 && branch.owners.has(owner)) return
  yield* ofOthers(branch.rests, owner)
  const part = path.parts[at]
  if (!part) {
    yield* ofOthers(branch.here, owner)
    if (path.rest) yield* below(branch, owner)
    return
  }
  if (part.open) {
    for (const [text, next] of branch.fixed) if (fits(text, part)) yield* meeting(next, path, owner, at + 1)
  } else {
    const next = branch.fixed.get(part.start)
    if (next) yield* meeting(next, path, owner, at + 1)
  }
  for (const { part: other, below: next } of branch.open.values()) if (part.open ? areAlike(part, other) : fits(part.start, other)) yield* meeting(next, path, owner, at + 1)
}

function* below(branch: Branch, owner: string | undefined): Generator<Place> {
  for (const next of [...branch.fixed.values(), ...[...branch.open.values()].map((one) => one.below)]) {
    if (next.owners.size === 1 && next.owners.has(owner)) continue
    yield* ofOthers(next.here, owner)
    yield* ofOthers(next.rests, owner)
    yield* below(next, owner)
  }
}

function* ofOthers(places: readonly Place[], owner: string | undefined): Generator<Place> {
  for (const place of places) if (place.route.organisation !== owner) yield place
}

/** A little more than true: what varies would be empty. */
const fits = (text: string, { start, end }: Part) => text.length >= start.length + end.length && text.startsWith(start) && text.endsWith(end)

const areAlike = (a: Part, b: Part) => (a.start.startsWith(b.start) || b.start.startsWith(a.start)) && (a.end.endsWith(b.end) || b.end.endsWith(a.end))

function sameHost({ entry: { host: a } }: Route, { entry: { host: b } }: Route): boolean {
  return a === undefined || b === undefined || a.toLowerCase() === b.toLowerCase()
}

const keyOf = ({ flow, entry: { method, host = '', path } }: Route) => `${flow} ${method} ${host} ${path}`

function toProblem({ route: { node, entry }, flow }: Place, { entry: other, organisation }: Route): Problem {
  const whose = organisation === undefined ? 'which belongs to no organisation' : 'which is another organisation’s'
  return {
    severity: 'error', code: 'route.overlap', ...(flow.flow.nodes.get(node)?.origin ?? {}), property: 'url',
    message: `One call could mean ${entry.method} ${entry.path} and ${other.method} ${other.path}, ${whose}.`,
    remedy: 'Choose a path for which no path of somebody else can stand, such as one that begins with a part of your own.',
  }
}
