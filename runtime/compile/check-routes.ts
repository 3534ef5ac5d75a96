import type { HttpEntry } from '../core/entry.ts'
import type { Problem } from '../core/flow.ts'
import { versionKey } from '../core/version-order.ts'
import type { AssembledFlow } from './assemble.ts'

/** Two entries that answer the same method, host, path and version: only one could ever be called. */
export function checkRoutes(flows: readonly AssembledFlow[]): Problem[] {
  const taken = new Map<string, AssembledFlow>()
  const problems: Problem[] = []
  for (const assembled of flows) {
    for (let index = 0; index < assembled.routes.length; index++) {
      const key = assembled.routeKeys[index] as string
      const other = taken.get(key)
      if (!other) taken.set(key, assembled)
      else {
        const { node, entry, version } = assembled.routes[index] as AssembledFlow['routes'][number]
        const origin = assembled.flow.nodes.get(node)?.origin
        problems.push({
          severity: 'error', code: 'route.duplicate', ...(origin ?? {}), property: 'url',
          message: `${entry.method} ${entry.path}${version === undefined ? '' : ` in version ${version}`} is answered by another http in node already, on the tab “${other.flow.document.label}”.`,
          remedy: 'Give one of the two another path or method, disable it, or serve both side by side: give one of the tabs another version (SLUICE_API_VERSION among its environment variables).',
        })
      }
    }
  }
  return problems
}

/** Same key, same requests: names of parameters and the case of fixed parts do not tell routes apart, versions do. */
export function routeKey(entry: HttpEntry, version?: string): string {
  const path = entry.path.replaceAll(/:[A-Za-z0-9_]+/g, ':').toLowerCase().replace(/(.)\/+$/, '$1')
  return `${entry.method} ${entry.host ?? ''} ${path} ${version === undefined ? '' : versionKey(version)}`
}
