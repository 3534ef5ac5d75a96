import type { AssembledFlow, Assembly } from '../../runtime/compile/assemble.ts'
import type { Route } from '../../runtime/core/deployment.ts'
import { methods } from '../../runtime/core/http/methods.ts'
import type { ManagedApi } from '../consumers-contract.ts'
import { isObject } from '../consumers/json.ts'
import { createComponents, type Components } from './components.ts'
import { toDocumentPaths, type DocumentPath } from './paths.ts'
import { reach, type Reached } from './reach.ts'
import { toRequest } from './request.ts'
import { commonHeaders, faultSchema, toResponses } from './responses.ts'
import { toSecurity } from './security.ts'

type Json = Readonly<Record<string, unknown>>

export type DescribedApi = Pick<ManagedApi, 'id' | 'name' | 'lifecycle' | 'description' | 'apiVersion' | 'deprecatedAt' | 'sunset' | 'tags'>

/** Methods that a route for all of them is described by. */
const usual = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'] as const

/** The OpenAPI 3.1 document of the flow that serves an API. */
export function toDocument(api: DescribedApi, flow: AssembledFlow, linkIns: Assembly['linkIns'], servers: readonly string[]): Json {
  const components = createComponents()
  components.reserve('schemas', 'Fault', faultSchema)
  for (const [name, header] of Object.entries(commonHeaders)) components.reserve('headers', name, header)
  const paths: Record<string, Record<string, unknown>> = {}
  const ids = new Set<string>()
  const taken = new Set(flow.routes.filter(({ entry }) => entry.method !== 'ALL').map(({ entry }) => `${entry.method} ${entry.path}`))
  for (const route of flow.routes) {
    const { entry } = route
    const reached = reach(route.node, flow, linkIns)
    const served = entry.method === 'ALL' ? usual.filter((method) => !taken.has(`${method} ${entry.path}`)) : methods.filter((method) => method === entry.method)
    for (const method of served) {
      for (const place of toDocumentPaths(entry.path)) {
        const item = (paths[place.path] ??= {})
        // Hosts that share a path, and versions, are told apart by servers and records; one document has each place once.
        item[method.toLowerCase()] ??= toOperation({ api, route, method, place, reached, components, ids })
      }
    }
  }
  const { name, description, apiVersion, tags } = api
  const used = components.toJson()
  return {
    openapi: '3.1.0',
    info: { title: name, version: apiVersion ?? '1', ...(description === undefined ? {} : { description }), 'x-lifecycle': api.lifecycle, ...(api.sunset === undefined ? {} : { 'x-sunset': api.sunset }) },
    ...(servers.length === 0 ? {} : { servers: servers.map((url) => ({ url: url.replace(/\/+$/, '') })) }),
    ...(tags.length === 0 ? {} : { tags: tags.map((tag) => ({ name: tag })) }),
    paths,
    components: used,
  }
}

interface OperationFacts {
  readonly api: DescribedApi
  readonly route: Route
  readonly method: string
  readonly place: DocumentPath
  readonly reached: readonly Reached[]
  readonly components: Components
  readonly ids: Set<string>
}

function toOperation({ api, route, method, place, reached, components, ids }: OperationFacts): Json {
  const { entry } = route
  const name = toId(`${method} ${place.path}`)
  const { openapi: _, responses, parameters, operationId, security: _security, servers: _servers, ...described } = components.take(toRequest(reached, entry, name))
  const deprecated = api.deprecatedAt !== undefined || api.lifecycle === 'DEPRECATED' || described['deprecated'] === true
  const security = toSecurity(reached)
  if (security) for (const [scheme, value] of Object.entries(security.schemes)) components.reserve('securitySchemes', scheme, value)
  const takesBody = method !== 'GET' && method !== 'HEAD' && method !== 'OPTIONS'
  const all = toParameters(place, Array.isArray(parameters) ? (parameters as Json[]) : [], reached)
  const { requestBody, ...rest } = described
  return {
    operationId: toUnique(typeof operationId === 'string' ? operationId : name, ids),
    ...(described['summary'] === undefined && reached[0]?.node.name ? { summary: reached[0].node.name } : {}),
    ...rest,
    ...(deprecated ? { deprecated } : {}),
    ...(all.length === 0 ? {} : { parameters: all }),
    ...(requestBody === undefined || !takesBody ? {} : { requestBody }),
    responses: toResponses({ reached, described: isObject(responses) ? responses : undefined, takesBody, hasTypes: entry.accepts !== undefined, deprecated: api.deprecatedAt !== undefined || api.lifecycle === 'DEPRECATED', sunset: api.sunset !== undefined }),
    // Where a way leads past the auth node, callers need not show who they are.
    security: security ? [...security.alternatives, ...(route.guarded === false ? [{}] : [])] : [],
    ...(entry.host === undefined ? {} : { servers: [{ url: `https://${entry.host}` }] }),
  }
}

function toParameters({ names }: DocumentPath, described: readonly Json[], reached: readonly Reached[]): Json[] {
  const known = described.filter((one) => one['in'] !== 'path' || names.includes(String(one['name'])))
  const missing = names.filter((name) => !known.some((one) => one['in'] === 'path' && one['name'] === name))
  const own: Json[] = missing.map((name) => ({ name, in: 'path', required: true, schema: { type: 'string' }, ...(name.startsWith('rest') ? { description: 'Everything that follows, slashes included.' } : {}) }))
  for (const { node, config } of reached) {
    if (node.type !== 'idempotency' || config['keyFrom'] !== 'header') continue
    const header = String(config['header'] ?? 'Idempotency-Key')
    if (known.some((one) => String(one['name']).toLowerCase() === header.toLowerCase())) continue
    own.push({ name: header, in: 'header', required: config['missing'] === 'refuse', description: 'The same for the same transaction, however often it is sent.', schema: { type: 'string' } })
  }
  return [...own, ...known]
}

function toId(text: string): string {
  return text.replace(/[^A-Za-z0-9]+/g, '_').replace(/^_|_$/g, '').toLowerCase() || 'root'
}

function toUnique(wanted: string, ids: Set<string>): string {
  let id = wanted
  for (let number = 2; ids.has(id); number++) id = `${wanted}_${number}`
  ids.add(id)
  return id
}
