import type { IncomingHttpHeaders } from 'node:http'
import type { Cors } from '../core/entry.ts'

/** True for the question a browser asks before it sends a cross-origin request (Fetch standard, CORS-preflight). */
export function isPreflight(method: string, headers: IncomingHttpHeaders): boolean {
  return method === 'OPTIONS' && headers.origin !== undefined && headers['access-control-request-method'] !== undefined
}

function allowedOrigin(cors: Cors, origin: string): string | undefined {
  if (cors.origins === '*') return cors.credentials ? origin : '*'
  return cors.origins.includes(origin) ? origin : undefined
}

/** Headers of an answer, as names and values in turn. An origin that is not allowed gets none but `Vary`. */
export function corsHeaders(cors: Cors, origin: string | undefined): readonly string[] {
  const headers = cors.origins === '*' && !cors.credentials ? [] : ['Vary', 'Origin']
  const allowed = origin === undefined ? undefined : allowedOrigin(cors, origin)
  if (allowed === undefined) return headers
  headers.push('Access-Control-Allow-Origin', allowed)
  if (cors.credentials) headers.push('Access-Control-Allow-Credentials', 'true')
  if (cors.exposed?.length) headers.push('Access-Control-Expose-Headers', cors.exposed.join(', '))
  return headers
}

/** Headers of the answer to a preflight. `methods` are those the path answers, used when the API names none. */
export function preflightHeaders(cors: Cors, request: IncomingHttpHeaders, methods: readonly string[]): readonly string[] {
  const origin = request.origin as string
  const headers = ['Vary', 'Origin, Access-Control-Request-Method, Access-Control-Request-Headers']
  const allowed = allowedOrigin(cors, origin)
  if (allowed === undefined) return headers
  headers.push('Access-Control-Allow-Origin', allowed)
  if (cors.credentials) headers.push('Access-Control-Allow-Credentials', 'true')
  headers.push('Access-Control-Allow-Methods', (cors.methods ?? methods).join(', '))
  const asked = request['access-control-request-headers']
  const names = cors.headers ? cors.headers.join(', ') : asked
  if (names && /^[\w!#$%&'*+.^`|~, -]+$/.test(names)) headers.push('Access-Control-Allow-Headers', names)
  if (cors.maxAgeSeconds !== undefined) headers.push('Access-Control-Max-Age', String(cors.maxAgeSeconds))
  return headers
}
