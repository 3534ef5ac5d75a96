import type { Handler, Params } from './exchange.ts'

export type RouteMethod = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'

/** Who may come in: everybody, everyone signed in (what they see there depends on their rights), or from a role upwards. */
export type Access = 'public' | 'signed-in' | 'viewer' | 'editor' | 'admin'

export interface PageRoute {
  readonly method: RouteMethod
  /** `/releases/:id`: a segment with a colon captures one segment. */
  readonly path: string
  readonly access: Access
  /** Access tokens of the authorization server may be used here: whatever is done, their scopes bound it. */
  readonly scoped?: boolean
  readonly handle: Handler
}

export type PageMatch =
  | { readonly kind: 'found'; readonly route: PageRoute; readonly params: Params }
  | { readonly kind: 'none' }
  | { readonly kind: 'method'; readonly allow: readonly string[] }

/** Finds a page route. A few dozen routes: a list is enough. HEAD is answered by GET. */
export function findRoute(routes: readonly PageRoute[], method: string, path: string): PageMatch {
  const asked = method === 'HEAD' ? 'GET' : method
  const allow: string[] = []
  for (const route of routes) {
    const params = matchPath(route.path, path)
    if (!params) continue
    if (route.method === asked) return { kind: 'found', route, params }
    allow.push(route.method)
  }
  return allow.length > 0 ? { kind: 'method', allow } : { kind: 'none' }
}

function matchPath(pattern: string, path: string): Params | undefined {
  const wanted = pattern.split('/')
  const given = path.split('/')
  if (wanted.length !== given.length) return undefined
  const params: Record<string, string> = {}
  for (const [i, segment] of wanted.entries()) {
    const value = given[i]!
    if (!segment.startsWith(':')) {
      if (segment !== value) return undefined
      continue
    }
    if (value === '') return undefined
    try {
      params[segment.slice(1)] = decodeURIComponent(value)
    } catch {
      return undefined // a broken percent-encoding names nothing
    }
  }
  return params
}
