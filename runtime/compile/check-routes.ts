import type { HttpEntry } from '../core/entry.ts'
import type { Problem } from '../core/flow.ts'
import type { AssembledFlow } from './assemble.ts'

/** Two entries that answer the same method, host and path: only one could ever be called. */
export function checkRoutes(flows: readonly AssembledFlow[]): Problem[] {
  const taken = new Map<string, AssembledFlow>()
  const problems: Problem[] = []
  for (const assembled of flows) {
    for (let index = 0; index < assembled.routes.length; index++) {
      const key = assembled.routeKeys[index] as string
      const other = taken.get(key)
      if (!other) taken.set(key, assembled)
      else {
        const { node, entry } = assembled.routes[index] as AssembledFlow['routes'][number]
        const origin = assembled.flow.nodes.get(node)?.origin
        problems.push({
          severity: 'error', code: 'route.duplicate', ...(origin ?? {}), property: 'url',
          message: `${entry.method} ${entry.path} is answered by another http in node already, on the tab “${other.flow.document.label}”.`,
          remedy: 'Give one of the two another path or method, or disable it.',
        })
      }
    }
  }
  return problems
}

/** Same key, same requests: names of parameters and the case of fixed parts do not tell routes apart. */
export function routeKey(entry: HttpEntry): string {
  const path = entry.path.replaceAll(/:[A-Za-z0-9_]+/g, ':').toLowerCase().replace(/(.)\/+$/, '$1')
  return `${entry.method} ${entry.host ?? ''} ${path}`
}
