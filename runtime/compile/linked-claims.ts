import type { RouteClaim } from '../core/deployment.ts'
import type { AssembledFlow } from './assemble.ts'
import { organisationOf } from './organisation-of.ts'

/** A flow whose callers are asked on other tabs (by links, by global policies): its routes know where those tabs look. */
export function withLinkedClaims(assembled: AssembledFlow, linkIns: ReadonlyMap<string, AssembledFlow>): AssembledFlow {
  if (!assembled.leadsOut || assembled.routes.length === 0) return assembled
  const claims = new Map<string, RouteClaim>()
  collect(assembled, linkIns, claims, new Set(), organisationOf(assembled.flow.document))
  const key = [...claims.keys()].join()
  if (key === (assembled.routes[0]?.claims ?? []).map((claim) => JSON.stringify(claim)).join()) return assembled
  const all = claims.size === 0 ? undefined : [...claims.values()]
  return { ...assembled, routes: assembled.routes.map(({ claims: _before, ...route }) => (all ? { ...route, claims: all } : route)) }
}

function collect(from: AssembledFlow, linkIns: ReadonlyMap<string, AssembledFlow>, claims: Map<string, RouteClaim>, seen: Set<string>, owner: string | undefined): void {
  const tab = from.flow.document.id
  if (seen.has(tab)) return
  seen.add(tab)
  const own = organisationOf(from.flow.document)
  for (const claim of from.claims) {
    // Whose tokens another organisation believes is its own affair.
    if (claim.kind === 'bearer' && own !== undefined && own !== owner) continue
    claims.set(JSON.stringify(claim), claim)
  }
  if (!from.leadsOut) return
  for (const { links } of from.flow.nodes.values()) {
    for (const id of links) {
      const other = linkIns.get(id)
      if (other) collect(other, linkIns, claims, seen, owner)
    }
  }
}
