import { isObject } from '../consumers/json.ts'
import { asList, asObject, textOf } from './json-values.ts'
import type { Json } from './read-document.ts'
import { whyNoUpstream } from './upstream-url.ts'

/** Where operations are called, or why nobody can say. */
export type Server = { readonly url: string; readonly pointer: string } | { readonly url: undefined; readonly pointer: string; readonly problem: string; readonly remedy: string }

/** The first server of an operation, of its path, or of the document (OpenAPI 3.1 §4.8.5); of 2.0: scheme, host and base path. */
export function serverOf(root: Json, levels: readonly Json[]): Server {
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
    if (!/^https?:\/\//i.test(url)) return { url: undefined, pointer, problem: `The server “${url.slice(0, 200)}” names no host.`, remedy: 'Name the upstream, as https://api.example.org/v1, or let examples be answered (“mock”).' }
    const why = whyNoUpstream(url)
    if (why !== undefined || url.includes('?')) return { url: undefined, pointer, problem: why ?? `The server “${url.slice(0, 200)}” has a query.`, remedy: 'Mend the server, or name the upstream.' }
    return { url, pointer }
  }
  return { url: undefined, pointer: '/servers', problem: 'The document names no server.', remedy: 'Add “servers”, name the upstream, as https://api.example.org/v1, or let examples be answered (“mock”).' }
}

function serverOfSwagger(root: Json, operation: Json | undefined): Server {
  const host = textOf(root['host'])
  if (host === undefined) return { url: undefined, pointer: '/host', problem: 'The document names no host.', remedy: 'Add “host”, name the upstream, as https://api.example.org/v1, or let examples be answered (“mock”).' }
  const own = asList(operation?.['schemes'])
  const schemes = own.length > 0 ? own : asList(root['schemes'])
  const scheme = schemes.length === 0 || schemes.includes('https') ? 'https' : schemes.includes('http') ? 'http' : undefined
  if (scheme === undefined) return { url: undefined, pointer: '/schemes', problem: 'The document names no scheme that can be called.', remedy: 'Add https or http to “schemes”, or name the upstream.' }
  const url = `${scheme}://${host}${textOf(root['basePath']) ?? ''}`
  const why = whyNoUpstream(url)
  return why === undefined && !/[{}?]/.test(url) ? { url, pointer: '/host' } : { url: undefined, pointer: '/host', problem: why ?? `“${url.slice(0, 200)}” is no address.`, remedy: 'Mend host and basePath, or name the upstream.' }
}

/** The path of a server's URL: callers then change nothing but the host. */
export function pathOf(url: string): string {
  return url.replace(/^https?:\/\/[^/]*/i, '').replace(/\/+$/, '')
}
