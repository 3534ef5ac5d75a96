import { familyOf } from '../core/access/api-family.ts'
import { closedFault } from '../core/access/closed-api.ts'
import type { Clients } from '../core/access/clients.ts'
import type { Clock } from '../core/time/clock.ts'
import type { Claim, PlaceVersions, Route, RouteMatch, RouteTable } from '../core/deployment.ts'
import { fault, type Fault } from '../core/fault.ts'
import type { RequestFacts } from '../core/http/request-facts.ts'
import { versionKey } from '../core/access/version-order.ts'
import { claimedApplication, type ClaimingRequest } from './claimed-application.ts'

const defaultVersionHeader = 'API-Version'

export interface VersionChoiceParts {
  /** Name of the header by which callers ask for a version, and by which answers say which they are of. */
  readonly header?: string
  /** Absent: nothing is known of who calls nor of the life of APIs. */
  readonly clients?: Clients
  readonly clock: Pick<Clock, 'now'>
}

/** A request at a place with versions. */
export type VersionedRequest = ClaimingRequest & Pick<RequestFacts, 'method' | 'path'>

type Found = Extract<RouteMatch, { kind: 'found' }>

/** What a request at a place with versions gets. */
export type Chosen =
  | { readonly match: Found; /** For the answer: names and values in turn. */ readonly headers: readonly string[] }
  | { readonly fault: Fault }

export interface VersionChoice {
  /** The version that a request to `host` gets; `found` is what `routes` has at its place. */
  choose(found: Found, request: VersionedRequest, host: string, routes: RouteTable): Chosen
  /** The one for who asks for none and is not known. */
  usual(versions: PlaceVersions): Route
}

/**
 * Chooses among versions of an API that are served at one place: the one that the request asks for by header; else the one
 * that the application is held to by its record; else the one for everybody, which is the flow without a version, or the
 * highest version that is offered. What is about to end is chosen for nobody as long as there is something else.
 */
export function createVersionChoice({ header = defaultVersionHeader, clients, clock }: VersionChoiceParts): VersionChoice {
  const lower = header.toLowerCase()
  const headersOf = new WeakMap<PlaceVersions, Map<Route, readonly string[]>>()

  function choose(found: Found, request: VersionedRequest, host: string, routes: RouteTable): Chosen {
    const versions = found.route.versions as PlaceVersions
    const asked = request.headers[lower]
    if (asked !== undefined && asked !== '') {
      const wanted = versionKey(String(asked).trim())
      const route = ofVersion(versions, wanted)
      if (route) return chosen(versions, route, found.params)
      return elsewhere(versions, wanted, request, host, routes)
    }
    const route = (versions.claims.length > 0 ? pinned(versions, request) : undefined) ?? usual(versions)
    return chosen(versions, route, found.params)
  }

  function chosen(versions: PlaceVersions, route: Route, params: Found['params']): Chosen {
    let known = headersOf.get(versions)
    if (!known) headersOf.set(versions, (known = new Map()))
    let headers = known.get(route)
    if (!headers) known.set(route, (headers = Object.freeze([...(route.version === undefined ? [] : [header, route.version]), 'Vary', varyOf(versions.claims)])))
    return { match: { kind: 'found', route, params }, headers }
  }

  /** The version asked for is not here: it may have a wider pattern that would answer, were it the only one. */
  function elsewhere(versions: PlaceVersions, wanted: string, { method, path }: VersionedRequest, host: string, routes: RouteTable): Chosen {
    const match = routes.ofVersion(wanted)?.find(method, path, host)
    // What somebody else calls by that version is another API.
    if (match?.kind === 'found' && match.route.organisation === versions.routes[0]?.organisation) return chosen(versions, match.route.versions?.routes[0] ?? match.route, match.params)
    const vary = varyOf(versions.claims)
    if (match?.kind === 'method') {
      const allow = match.allow.join(', ')
      return { fault: fault('method.none', { method, path, allow }, undefined, { Allow: allow, Vary: vary }) }
    }
    const offered = versions.routes.filter((route) => route.version !== undefined && standing(route) < closed).map(({ version }) => version)
    return { fault: fault('route.version', { method, path, header, versions: offered }, undefined, { Vary: vary }) }
  }

  /** A version that is not served here holds nobody: the place may be newer than it. */
  function pinned(versions: PlaceVersions, request: VersionedRequest): Route | undefined {
    if (!clients) return undefined
    const pins = claimedApplication(request, versions.claims, clients)?.pins
    if (!pins) return undefined
    for (const { flow } of versions.routes) {
      const api = clients.apiOfFlow(flow)
      const family = api && familyOf(api)
      const pin = family !== undefined && Object.hasOwn(pins, family) ? pins[family] : undefined
      const route = pin === undefined ? undefined : ofVersion(versions, versionKey(pin))
      if (route) return route
    }
    return undefined
  }

  function usual({ routes }: PlaceVersions): Route {
    let best = routes[0] as Route
    if (best.version === undefined || routes.length === 1) return best
    let bestStanding = standing(best)
    // The highest first: another is better only when it stands better.
    for (const route of routes) {
      if (bestStanding === offered) break
      const now = standing(route)
      if (now < bestStanding) [best, bestStanding] = [route, now]
    }
    return best
  }

  /** How good an API is for who does not say what is wanted. One without a record is served to everybody. */
  function standing({ flow }: Route): number {
    const api = clients?.apiOfFlow(flow)
    if (!api) return offered
    if (closedFault(api, clock.now())) return closed
    return api.lifecycle === 'DEPRECATED' ? ending : offered
  }

  /** RFC 9110 §12.5.5: who asks for nothing is answered by who calls. */
  function varyOf(claims: readonly Claim[]): string {
    return [...new Set([header, ...claims.flatMap(headersLookedAt)])].join(', ')
  }

  return { choose, usual }
}

const offered = 0
const ending = 1
const closed = 2

function ofVersion({ routes }: PlaceVersions, key: string): Route | undefined {
  return routes.find(({ version }) => version !== undefined && versionKey(version) === key)
}

function headersLookedAt(claim: Claim): string[] {
  switch (claim.kind) {
    case 'key': return 'header' in claim ? [claim.header] : []
    case 'basic':
    case 'bearer': return ['Authorization']
    case 'signature': return ['Signature-Input']
    case 'sign code': return ['X-Client-Id']
    case 'certificate': return []
  }
}
