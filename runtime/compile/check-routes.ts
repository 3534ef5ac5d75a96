import type { HttpEntry } from '../core/entry.ts'
import type { Problem } from '../core/flow.ts'
import { versionKey } from '../core/access/version-order.ts'
import type { AssembledFlow } from './assemble.ts'

/** What is answered where. */
interface Taken {
  readonly flows: Set<AssembledFlow>
  readonly keys: Map<string, AssembledFlow>
  readonly places: Map<string, { readonly organisation: string | undefined; routes: number }>
}

const nothingTaken = (): Taken => ({ flows: new Set(), keys: new Map(), places: new Map() })

/**
 * Two entries that answer the same method, host, path and version: only one could ever be called. And two of different
 * organisations at one place, whatever their versions: the higher one would get the calls that are meant for the other.
 */
export function checkRoutes(flows: readonly AssembledFlow[]): Problem[] {
  const taken = nothingTaken()
  return flows.flatMap((flow) => enter(taken, flow))
}

/** {@link checkRoutes} for estates of which little changes at a time: of flows that it saw last time nothing is looked at again. */
export function createRouteCheck(): typeof checkRoutes {
  let before: Taken | undefined
  return (flows) => {
    const now = new Set(flows)
    const taken = before ?? nothingTaken()
    before = undefined
    for (const flow of taken.flows) if (!now.has(flow)) leave(taken, flow)
    // The first of two is told from the second by their order: it is said of the estate as a whole.
    for (const flow of now) if (!taken.flows.has(flow) && enter(taken, flow).length > 0) return checkRoutes(flows)
    before = taken
    return []
  }
}

/** Takes what is free. @returns a problem for each that is not */
function enter({ flows, keys, places }: Taken, flow: AssembledFlow): Problem[] {
  flows.add(flow)
  return flow.routes.flatMap(({ node, entry, version, organisation }, index): Problem[] => {
    const key = flow.routeKeys[index] as string
    const where = placeOf(key)
    const place = places.get(where)
    if (place && place.organisation !== organisation) {
      return [{
        severity: 'error', code: 'route.foreign', ...flow.flow.nodes.get(node)?.origin, property: 'url',
        message: `${entry.method} ${entry.path} is a path of another organisation.`,
        remedy: 'Give it another path, or let the tabs of all versions of an API belong to one organisation.',
      }]
    }
    const other = keys.get(key)
    if (other) {
      return [{
        severity: 'error', code: 'route.duplicate', ...flow.flow.nodes.get(node)?.origin, property: 'url',
        message: `${entry.method} ${entry.path}${version === undefined ? '' : ` in version ${version}`} is answered by another http in node already, on the tab “${other.flow.document.label}”.`,
        remedy: 'Give one of the two another path or method, disable it, or serve both side by side: give one of the tabs another version (SLUICE_API_VERSION among its environment variables).',
      }]
    }
    keys.set(key, flow)
    if (place) place.routes++
    else places.set(where, { organisation, routes: 1 })
    return []
  })
}

/** Gives back what a flow has that took all of its routes. */
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
