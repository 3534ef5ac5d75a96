import { hash } from 'node:crypto'
import { parameterName } from '../../runtime/core/http/parameter-name.ts'
import type { RequestFacts } from '../../runtime/core/http/request-facts.ts'

export interface QueryRules {
  /** Which parameters tell answers apart. */
  readonly query: 'all' | 'only' | 'except'
  readonly queryNames: readonly string[]
}

/** Gives what a request asks for as text: host, path, and the parameters that count, in order of their names. */
export function createRequestKey({ query, queryNames }: QueryRules): (request: RequestFacts) => string {
  const names = new Set(queryNames.map((name) => name.trim()).filter((name) => name !== ''))
  const counts = query === 'all' ? undefined : (part: string) => names.has(parameterName(part)) === (query === 'only')
  return (request) => {
    const { originalUrl, hostname, path } = request
    const at = originalUrl.indexOf('?')
    return at === -1 ? `${hostname}${path}` : `${hostname}${path}?${sorted(originalUrl.slice(at + 1), counts)}`
  }
}

/** Parameters of one name keep their order: the second may mean another thing than the first. */
function sorted(text: string, counts: ((part: string) => boolean) | undefined): string {
  if (counts === undefined && !text.includes('&')) return text
  const parts = text.split('&').filter((part) => part !== '' && (counts === undefined || counts(part)))
  return parts.map((part) => [part.split('=', 1)[0] as string, part] as const).sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)).map(([, part]) => part).join('&')
}

/** What the headers named by Vary are in a request (RFC 9111 §4.1); spaces around and between values do not count. */
export function variantOf(names: readonly string[], headers: RequestFacts['headers']): string {
  const values = names.map((name) => {
    const value = headers[name]
    return value === undefined ? null : (Array.isArray(value) ? value.join(',') : value).replace(/\s*,\s*/g, ',').trim()
  })
  return hash('sha256', JSON.stringify([names, values]), 'base64url')
}
