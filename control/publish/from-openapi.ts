import type { Problem } from '../../runtime/core/flow.ts'
import { isHeaderName } from '../../runtime/core/header-name.ts'
import { methods } from '../../runtime/core/methods.ts'
import { isObject, toPointerPart } from '../consumers/json.ts'
import type { ApiRegistration } from './contract.ts'
import { isServed, operationsAtMost, type Operation } from './operation.ts'
import { joinPaths, parsePath, PathProblem, toRouteKey } from './path-parts.ts'
import { inputProblem, openapiProblem, refuseProblems } from './problems.ts'
import { find, type Json } from './read-document.ts'
import { whyNoUpstream } from './upstream-url.ts'

/** Headers that a callout sets by itself, that say who calls, or that are passed on anyway. */
const ownHeaders: ReadonlySet<string> = new Set([
  'accept', 'content-type', 'authorization', 'cookie', 'host', 'content-length', 'connection', 'transfer-encoding', 'upgrade', 'te', 'trailer', 'keep-alive', 'expect', 'proxy-connection', 'x-api-key',
])

export interface FromOpenapi {
  readonly title: string
  readonly description?: string
  readonly operations: readonly Operation[]
  readonly warnings: readonly Problem[]
}

/**
 * The routes of a document that has been held to its schema.
 * @throws Refused `openapi.invalid` and `record.invalid` 422 with every place that cannot be served
 */
export function fromOpenapi(document: Json, { path: base, methods: wanted, upstream }: ApiRegistration): FromOpenapi {
  if (upstream !== undefined) {
    const why = whyNoUpstream(upstream)
    if (why !== undefined) refuseProblems([inputProblem('/upstream', why, 'Write it as https://host/path.')])
  }
  if (base !== undefined) checkBase(base)
  const problems: Problem[] = []
  const warnings: Problem[] = []
  const operations: Operation[] = []
  const first = serverOf(document, [])
  const published = base ?? (first.url === undefined ? '' : pathOf(first.url))
  const taken = new Map<string, string>()

  for (const [path, item] of Object.entries(asObject(document['paths']))) {
    const itemPointer = `/paths/${toPointerPart(path)}`
    if (!path.startsWith('/')) continue // an extension (x-…)
    const shared = resolve(document, item)
    for (const [key, value] of Object.entries(shared)) {
      const method = key.toUpperCase()
      const pointer = `${itemPointer}/${toPointerPart(key)}`
      if (!isObject(value) || ['PARAMETERS', 'SERVERS', '$REF'].includes(method) || key.startsWith('x-')) continue
      if (!isServed(method)) {
        warnings.push({ ...openapiProblem(pointer, `${method} ${path} is left out: this method cannot be served.`, `There are ${methods.join(', ')}.`), severity: 'warning' })
        continue
      }
      if (wanted !== undefined && !wanted.includes(method)) continue
      try {
        const parts = parsePath(joinPaths(published, path), false)
        const target = parsePath(path, false)
        const server = upstream === undefined ? serverOf(document, [value, shared]) : { url: upstream, pointer: '' }
        if (server.url === undefined) {
          problems.push(openapiProblem(server.pointer, server.problem, server.remedy))
          continue
        }
        const routeKey = toRouteKey(method, parts.route)
        const twin = taken.get(routeKey)
        if (twin !== undefined) problems.push(openapiProblem(pointer, `${method} ${path} answers the same requests as ${twin}.`, 'Keep one of the two.'))
        taken.set(routeKey, `${method} ${path}`)
        const summary = textOf(value['summary']) ?? textOf(value['description'])
        operations.push({
          method,
          path: parts.route,
          upstream: server.url.replace(/\/+$/, '') + aligned(parts.route, target.target),
          name: (textOf(value['operationId']) ?? summary ?? '').slice(0, 40),
          ...(summary === undefined ? {} : { summary: summary.slice(0, 200) }),
          headers: headersOf(document, [...asList(shared['parameters']), ...asList(value['parameters'])]),
          pointer,
        })
      } catch (thrown) {
        if (!(thrown instanceof PathProblem)) throw thrown
        problems.push(openapiProblem(itemPointer, thrown.message, thrown.remedy))
      }
    }
  }
  // Problems of servers are the same for every operation.
  refuseProblems([...new Map(problems.map((one) => [`${one.pointer} ${one.message}`, one])).values()])
  if (operations.length === 0) refuseProblems([openapiProblem('/paths', wanted === undefined ? 'The document has no operation that could be served.' : `The document has no operation with ${wanted.join(', ')}.`, 'Add a path with a method such as get.')])
  if (operations.length > operationsAtMost) refuseProblems([openapiProblem('/paths', `The document has ${operations.length} operations; one API may have ${operationsAtMost}.`, 'Split it into several APIs.')])
  const info = asObject(document['info'])
  const description = textOf(info['description'])
  return { title: (textOf(info['title']) ?? '').slice(0, 120), ...(description === undefined ? {} : { description: description.slice(0, 4000) }), operations, warnings }
}

function checkBase(base: string): void {
  try {
    parsePath(base, false)
  } catch (thrown) {
    if (!(thrown instanceof PathProblem)) throw thrown
    refuseProblems([inputProblem('/path', thrown.message, thrown.remedy)])
  }
}

type Server = { readonly url: string; readonly pointer: string } | { readonly url: undefined; readonly pointer: string; readonly problem: string; readonly remedy: string }

/** The first server of an operation, of its path, or of the document (OpenAPI 3.1 §4.8.5); of 2.0: scheme, host and base path. */
function serverOf(root: Json, levels: readonly Json[]): Server {
  if (root['swagger'] !== undefined) return serverOfSwagger(root, levels[0])
  for (const level of [...levels, root]) {
    const [server] = asList(level['servers'])
    if (!isObject(server)) continue
    const pointer = level === root ? '/servers/0/url' : '/paths'
    const variables = asObject(server['variables'])
    let url = textOf(server['url']) ?? ''
    for (const [name, variable] of Object.entries(variables)) url = url.replaceAll(`{${name}}`, textOf(asObject(variable)['default']) ?? '')
    const left = /\{([^{}]*)\}/.exec(url)
    if (left) return { url: undefined, pointer, problem: `The server ${url.slice(0, 200)} has the variable “${left[1]}”, for which there is no default.`, remedy: 'Add it to “variables” with a default, or name the upstream.' }
    if (!/^https?:\/\//i.test(url)) return { url: undefined, pointer, problem: `The server “${url.slice(0, 200)}” names no host.`, remedy: 'Name the upstream, as https://api.example.org/v1.' }
    const why = whyNoUpstream(url)
    if (why !== undefined || url.includes('?')) return { url: undefined, pointer, problem: why ?? `The server “${url.slice(0, 200)}” has a query.`, remedy: 'Mend the server, or name the upstream.' }
    return { url, pointer }
  }
  return { url: undefined, pointer: '/servers', problem: 'The document names no server.', remedy: 'Add “servers”, or name the upstream, as https://api.example.org/v1.' }
}

function serverOfSwagger(root: Json, operation: Json | undefined): Server {
  const host = textOf(root['host'])
  if (host === undefined) return { url: undefined, pointer: '/host', problem: 'The document names no host.', remedy: 'Add “host”, or name the upstream, as https://api.example.org/v1.' }
  const own = asList(operation?.['schemes'])
  const schemes = own.length > 0 ? own : asList(root['schemes'])
  const scheme = schemes.length === 0 || schemes.includes('https') ? 'https' : schemes.includes('http') ? 'http' : undefined
  if (scheme === undefined) return { url: undefined, pointer: '/schemes', problem: 'The document names no scheme that can be called.', remedy: 'Add https or http to “schemes”, or name the upstream.' }
  const url = `${scheme}://${host}${textOf(root['basePath']) ?? ''}`
  const why = whyNoUpstream(url)
  return why === undefined && !/[{}?]/.test(url) ? { url, pointer: '/host' } : { url: undefined, pointer: '/host', problem: why ?? `“${url.slice(0, 200)}” is no address.`, remedy: 'Mend host and basePath, or name the upstream.' }
}

/** The path of a server's URL: callers then change nothing but the host. */
function pathOf(url: string): string {
  const path = url.replace(/^https?:\/\/[^/]*/i, '').replace(/\/+$/, '')
  return path
}

/** A target whose parameters are called as in its route: a base path with parameters of its own may have moved names. */
function aligned(route: string, target: string): string {
  const names = [...route.matchAll(/:(\w+)/g)].map(([, name]) => name as string)
  const own = [...target.matchAll(/\{\{req\.params\.(\w+)\}\}/g)].length
  let next = names.length - own
  return target.replaceAll(/\{\{req\.params\.\w+\}\}/g, () => `{{req.params.${names[next++]}}}`)
}

function headersOf(document: Json, parameters: readonly unknown[]): string[] {
  const found = new Set<string>()
  for (const one of parameters) {
    const parameter = resolve(document, one)
    const name = textOf(parameter['name'])
    if (parameter['in'] === 'header' && name !== undefined && isHeaderName(name) && !ownHeaders.has(name.toLowerCase())) found.add(name.toLowerCase())
  }
  return [...found].sort()
}

/** What a reference leads to, over a few steps; what stands beside a reference to a path counts more. */
function resolve(document: Json, value: unknown): Json {
  let at = asObject(value)
  for (let steps = 0; typeof at['$ref'] === 'string' && steps < 20; steps++) {
    const { $ref, ...own } = at
    at = { ...asObject(find(document, $ref as string)), ...own }
  }
  return at
}

function asObject(value: unknown): Json {
  return isObject(value) ? value : {}
}

function asList(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : []
}

/** One line of text that says something. */
function textOf(value: unknown): string | undefined {
  if (typeof value !== 'string') return undefined
  // eslint-disable-next-line no-control-regex -- control characters are what is taken out
  const text = value.replace(/[\s\u0000-\u001f\u007f]+/g, ' ').trim()
  return text === '' ? undefined : text
}
