import type { Identify, Identities } from '../core/access/identities.ts'

export function createIdentities(): Identities {
  const nodes = new Map<string, Set<Identify>>()
  return {
    add(node, identify) {
      const known = nodes.get(node) ?? new Set()
      nodes.set(node, known.add(identify))
      return () => {
        known.delete(identify)
        if (known.size === 0 && nodes.get(node) === known) nodes.delete(node)
      }
    },
    find(node, kind, request) {
      for (const identify of nodes.get(node) ?? []) {
        const proven = identify(kind, request)
        if (proven) return proven
      }
      return undefined
    },
  }
}
