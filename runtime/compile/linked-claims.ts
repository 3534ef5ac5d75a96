import type { RouteClaim } from '../core/deployment.ts'
import type { AssembledFlow } from './assemble.ts'

/** A flow whose callers are asked on other tabs (by links, by global policies): its routes know where those tabs look. */
export function withLinkedClaims(assembled: AssembledFlow, linkIns: ReadonlyMap<string, AssembledFlow>): AssembledFlow {
  if (!assembled.leadsOut || assembled.routes.length === 0) return assembled
  const claims = new Map<string, RouteClaim>()
  collect(assembled, linkIns, claims, new Set())
  const key = [...claims.keys()].join()
  if (key === (assembled.routes[0]?.claims ?? []).map((claim) => JSON.stringify(claim)).join()) return assembled
  const all = claims.size === 0 ? undefined : [...claims.values()]
  return { ...assembled, routes: assembled.routes.map(({ claims: _before, ...route }) => (all ? { ...route, claims: all } : route)) }
}

function collect(from: AssembledFlow, linkIns: ReadonlyMap<string, AssembledFlow>, claims: Map<string, RouteClaim>, seen: Set<string>): void {
  const tab = from.flow.document.id
  if (seen.has(tab)) return
  seen.add(tab)
  for (const claim of from.claims) claims.set(JSON.stringify(claim), claim)
  if (!from.leadsOut) return
  for (const { links } of from.flow.nodes.values()) {
    for (const id of links) {
      const other = linkIns.get(id)
      if (other) collect(other, linkIns, claims, seen)
    }
  }
}
