import type { Identify, Identities, ProofKind } from '../core/access/identities.ts'

interface Way {
  readonly kind: ProofKind
  readonly identify: Identify
}

export function createIdentities(): Identities {
  const nodes = new Map<string, Set<Way>>()
  return {
    add(node, kind, identify) {
      const known = nodes.get(node) ?? new Set()
      const way = { kind, identify }
      nodes.set(node, known.add(way))
      return () => {
        known.delete(way)
        if (known.size === 0 && nodes.get(node) === known) nodes.delete(node)
      }
    },
    *of(node, kind) {
      for (const way of nodes.get(node) ?? []) if (way.kind === kind) yield way.identify
    },
  }
}
