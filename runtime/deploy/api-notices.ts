import type { Clients, KnownApi } from '../core/access/clients.ts'
import type { Clock } from '../core/time/clock.ts'
import type { Route } from '../core/deployment.ts'
import { findSuccessor, successorPath, type Successor } from './successor.ts'

/** What answers of an API that is to end say, names and values in turn; `undefined` for one that goes on. */
export type NoticeOf = (api: KnownApi, route: Route, path: string, routesOf: (flow: string) => readonly Route[]) => readonly string[] | undefined

/** Successors are looked for once per route and state of the records: the rest of a notice lies ready on the record. */
export function createNotices(clients: Clients, clock: Clock): NoticeOf {
  const found = new WeakMap<Route, { readonly version: number; readonly routesOf: unknown; readonly successor: Successor | undefined }>()
  return (api, route, path, routesOf) => {
    const { notice } = api
    if (notice === undefined) return undefined
    const { version } = clients
    let known = found.get(route)
    if (!known || known.version !== version || known.routesOf !== routesOf) {
      found.set(route, (known = { version, routesOf, successor: findSuccessor(route, api, clients, routesOf, clock.now()) }))
    }
    // RFC 5829 §3.1: the next version of the same thing.
    return known.successor ? [...notice, 'Link', `<${successorPath(path, known.successor)}>; rel="successor-version"`] : notice
  }
}
