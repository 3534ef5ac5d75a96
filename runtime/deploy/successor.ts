import { familyOf } from '../core/access/api-family.ts'
import type { Clients, KnownApi } from '../core/access/clients.ts'
import { closedFault } from '../core/access/closed-api.ts'
import type { Route } from '../core/deployment.ts'
import { compareVersions } from '../core/access/version-order.ts'

/** Where the same thing is found in a newer version: the segment of the path that says the version, and what it is there. */
export interface Successor {
  readonly segment: number
  readonly text: string
}

/**
 * The place of a route in the newest version of its API's family that is served and not itself to end, where the version is
 * part of the path: `/v1/orders/:id` goes on as `/v2/orders/:id`. `undefined` where the paths differ in more than that, or
 * in nothing (versions chosen by header share the address).
 */
export function findSuccessor(route: Route, api: KnownApi, clients: Clients, routesOf: (flow: string) => readonly Route[], nowMs: number): Successor | undefined {
  const own = api.version
  if (own === undefined) return undefined
  const newer = clients.apisOfFamily(familyOf(api))
    .filter((one) => one.version !== undefined && compareVersions(one.version, own) > 0 && isOffered(one, nowMs))
    .toSorted((a, b) => compareVersions(b.version as string, a.version as string))
  for (const next of newer) {
    for (const { entry } of routesOf(next.flow)) {
      if (entry.method !== route.entry.method || entry.host !== route.entry.host) continue
      const segment = onlyDifference(route.entry.path, entry.path)
      if (segment !== undefined) return segment
    }
  }
  return undefined
}

function isOffered(api: KnownApi, nowMs: number): boolean {
  return (api.lifecycle === 'PUBLISHED' || api.lifecycle === 'PROTOTYPED') && closedFault(api, nowMs) === undefined
}

/** The one fixed segment in which two patterns differ. Names of parameters do not matter. */
function onlyDifference(from: string, to: string): Successor | undefined {
  const [a, b] = [from.split('/'), to.split('/')]
  if (a.length !== b.length) return undefined
  let found: Successor | undefined
  for (const [segment, text] of b.entries()) {
    const other = a[segment] as string
    if (other === text || (other.startsWith(':') && text.startsWith(':'))) continue
    if (found || !isFixed(other) || !isFixed(text)) return undefined
    found = { segment, text }
  }
  return found
}

function isFixed(segment: string): boolean {
  return segment !== '' && !/[:*(]/.test(segment)
}

/** The address of a request in the newer version, without its query. */
export function successorPath(path: string, { segment, text }: Successor): string {
  const parts = path.split('/')
  parts[segment] = encodeURIComponent(text)
  // What may not stand in a URI reference would end it too early.
  return parts.join('/').replaceAll(/[^\x21\x23-\x3b\x3d\x3f-\x7e]/g, encodeURIComponent)
}
