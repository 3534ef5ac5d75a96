import type { HttpEntry } from '../core/entry.ts'
import type { Problem } from '../core/flow.ts'
import type { AssembledFlow } from './assemble.ts'

/** Two entries that answer the same method, host and path: only one could ever be called. */
export function checkRoutes(flows: readonly AssembledFlow[]): Problem[] {
  const taken = new Map<string, { assembled: AssembledFlow; node: string }>()
  const problems: Problem[] = []
  for (const assembled of flows) {
    for (const [index, { node, entry }] of assembled.routes.entries()) {
      const key = assembled.routeKeys[index] as string
      const other = taken.get(key)
      const origin = assembled.flow.nodes.get(node)?.origin
      if (!other) taken.set(key, { assembled, node })
      else {
        problems.push({
          severity: 'error', code: 'route.duplicate', ...(origin ?? {}), property: 'url',
          message: `${entry.method} ${entry.path} is answered by another http in node already, on the tab “${other.assembled.flow.document.label}”.`,
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
