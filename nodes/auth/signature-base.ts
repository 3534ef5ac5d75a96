import type { RequestFacts } from '../../runtime/core/http/request-facts.ts'
import { type InnerList, type Item, serializeInnerList, serializeItem } from './structured-field.ts'

/**
 * The signature base of a request (RFC 9421 §2.5).
 * @returns `undefined` when a component is not there, is there twice, or is of a kind that is not supported
 */
export function toSignatureBase(request: RequestFacts, covered: InnerList): string | undefined {
  const lines: string[] = []
  const seen = new Set<string>()
  for (const item of covered.items) {
    const name = serializeItem(item)
    const value = componentOf(request, item)
    if (value === undefined || seen.has(name) || /[\r\n]/.test(value)) return undefined
    seen.add(name)
    lines.push(`${name}: ${value}`)
  }
  lines.push(`"@signature-params": ${serializeInnerList(covered)}`)
  return lines.join('\n')
}

/** RFC 9421 §2.1, §2.2. */
function componentOf(request: RequestFacts, { value: name, params }: Item): string | undefined {
  if (typeof name !== 'string') return undefined
  if (name === '@query-param') {
    const wanted = params.get('name')
    return params.size === 1 && typeof wanted === 'string' ? queryParameter(request, wanted) : undefined
  }
  if (params.size > 0) return undefined
  if (!name.startsWith('@')) return headerOf(request, name)
  const scheme = request.secure ? 'https' : 'http'
  const mark = request.url.indexOf('?')
  switch (name) {
    case '@method':
      return request.method
    case '@scheme':
      return scheme
    case '@authority':
      return authorityOf(request)
    case '@target-uri':
      return `${scheme}://${authorityOf(request)}${request.url}`
    case '@request-target':
      return request.url
    case '@path':
      return request.path === '' ? '/' : request.path
    case '@query':
      return mark === -1 ? '?' : request.url.slice(mark)
    default:
      return undefined
  }
}

function headerOf(request: RequestFacts, name: string): string | undefined {
  if (name !== name.toLowerCase()) return undefined
  const value = request.headers[name]
  if (value === undefined) return undefined
  return (Array.isArray(value) ? value : [value]).map((line) => line.trim()).join(', ')
}

/** Host and port as the client named them, without the scheme's own port. */
function authorityOf(request: RequestFacts): string {
  const host = request.headers['host'] ?? request.headers[':authority'] ?? request.hostname
  return String(host).toLowerCase().replace(request.secure ? /:443$/ : /:80$/, '')
}

/** RFC 9421 §2.2.8: decoded as a form, encoded anew; a name that stands twice cannot be covered alone. */
function queryParameter(request: RequestFacts, wanted: string): string | undefined {
  const mark = request.url.indexOf('?')
  if (mark === -1) return undefined
  const found = [...new URLSearchParams(request.url.slice(mark + 1))].filter(([name]) => encode(name) === wanted)
  return found.length === 1 ? encode((found[0] as [string, string])[1]) : undefined
}

function encode(text: string): string {
  return encodeURIComponent(text).replace(/[!'()~]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`)
}
