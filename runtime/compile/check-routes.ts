import type { HttpEntry } from '../core/entry.ts'
import type { Problem } from '../core/flow.ts'
import { versionKey } from '../core/access/version-order.ts'
import type { AssembledFlow } from './assemble.ts'

/**
 * Two entries that answer the same method, host, path and version: only one could ever be called. And two of different
 * organisations at one place, whatever their versions: the higher one would get the calls that are meant for the other.
 */
export function checkRoutes(flows: readonly AssembledFlow[]): Problem[] {
  const taken = new Map<string, AssembledFlow>()
  const places = new Map<string, string | undefined>()
  const problems: Problem[] = []
  for (const assembled of flows) {
    for (let index = 0; index < assembled.routes.length; index++) {
      const key = assembled.routeKeys[index] as string
      const { organisation } = assembled.routes[index] as AssembledFlow['routes'][number]
      const place = placeOf(key)
      if (!places.has(place)) places.set(place, organisation)
      else if (places.get(place) !== organisation) {
        const { node, entry } = assembled.routes[index] as AssembledFlow['routes'][number]
        problems.push({
          severity: 'error', code: 'route.foreign', ...(assembled.flow.nodes.get(node)?.origin ?? {}), property: 'url',
          message: `${entry.method} ${entry.path} is a path of another organisation.`,
          remedy: 'Give it another path, or let the tabs of all versions of an API belong to one organisation.',
        })
        continue
      }
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

/** What is answered where: nothing twice, and no place by two organisations. */
interface Taken {
  readonly flows: Set<AssembledFlow>
  readonly keys: Set<string>
  readonly places: Map<string, { readonly organisation: string | undefined; routes: number }>
}

/** {@link checkRoutes} for estates of which little changes at a time: of flows that it saw last time nothing is looked at again. */
export function createRouteCheck(): typeof checkRoutes {
  let before: Taken | undefined
  return (flows) => {
    const now = new Set(flows)
    let taken: Taken | undefined = before ?? { flows: new Set(), keys: new Set(), places: new Map() }
    before = undefined
    for (const flow of taken.flows) if (!now.has(flow)) leave(taken, flow)
    for (const flow of now) {
      if (taken.flows.has(flow) || enter(taken, flow)) continue
      taken = undefined
      break
    }
    before = taken
    return taken ? [] : checkRoutes(flows)
  }
}

/** @returns false when something of it is taken; what is taken is not whole then */
function enter({ flows, keys, places }: Taken, flow: AssembledFlow): boolean {
  flows.add(flow)
  return flow.routes.every(({ organisation }, index) => {
    const key = flow.routeKeys[index] as string
    const place = places.get(placeOf(key))
    if (keys.has(key) || (place && place.organisation !== organisation)) return false
    keys.add(key)
    if (place) place.routes++
    else places.set(placeOf(key), { organisation, routes: 1 })
    return true
  })
}

function leave({ flows, keys, places }: Taken, flow: AssembledFlow): void {
  flows.delete(flow)
  for (const key of flow.routeKeys) {
    keys.delete(key)
    const place = places.get(placeOf(key))
    if (place && --place.routes === 0) places.delete(placeOf(key))
  }
}

/** The key without the version. */
const placeOf = (key: string) => key.slice(0, key.lastIndexOf(' '))

/** Same key, same requests: names of parameters and the case of fixed parts do not tell routes apart, versions do. */
export function routeKey(entry: HttpEntry, version?: string): string {
  const path = entry.path.replaceAll(/:[A-Za-z0-9_]+/g, ':').toLowerCase().replace(/(.)\/+$/, '$1')
  return `${entry.method} ${entry.host ?? ''} ${path} ${version === undefined ? '' : versionKey(version)}`
}
