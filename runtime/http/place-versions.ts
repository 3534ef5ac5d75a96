import type { Claim, Route } from '../core/deployment.ts'
import { compareVersions, versionKey } from '../core/access/version-order.ts'

/** Whether two routes of one place can be told apart by their version. At most one has none: it is the one for who asks for none. */
export function areApart(one: Route, other: Route): boolean {
  if (one.version === undefined || other.version === undefined) return one.version !== other.version
  return versionKey(one.version) !== versionKey(other.version)
}

/**
 * The route that stands in a table for what is served side by side at one place: it looks like one of them, so that whoever
 * wants to know only that something is there need not know about versions.
 */
export function toPlaceRoute(routes: readonly Route[]): Route {
  const sorted = routes.toSorted(byVersion)
  const claims = sorted.length === 1 ? [] : uniqueClaims(sorted)
  return { ...(sorted[0] as Route), versions: Object.freeze({ routes: Object.freeze(sorted), claims: Object.freeze(claims) }) }
}

function byVersion(one: Route, other: Route): number {
  if (one.version === undefined || other.version === undefined) return one.version === undefined ? -1 : 1
  return compareVersions(other.version, one.version)
}

/** Who looks there makes no difference here. */
function uniqueClaims(routes: readonly Route[]): Claim[] {
  return [...new Map(routes.flatMap(({ claims }) => claims ?? []).map((claim): Claim => ('node' in claim ? { kind: claim.kind } : claim)).map((claim) => [JSON.stringify(claim), claim])).values()]
}
