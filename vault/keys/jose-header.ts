import { parseJson } from '../../runtime/core/values/json-depth.ts'
import { fromBase64url } from './base64url.ts'

/** A protected header of JOSE, read before anything else is done with the text; `undefined` when it is none. */
export function parseHeader(part: string | undefined): Readonly<Record<string, unknown>> | undefined {
  const bytes = part === undefined || part === '' ? undefined : fromBase64url(part)
  if (!bytes) return undefined
  try {
    const header = parseJson(bytes.toString('utf8'), bytes)
    return typeof header === 'object' && header !== null && !Array.isArray(header) ? (header as Record<string, unknown>) : undefined
  } catch {
    return undefined
  }
}

/** A media type as `cty` says it: `application/` is left out where nothing is ambiguous (RFC 7515 §4.1.10). */
export function toContentTypeHeader(contentType: string | undefined): { readonly cty?: string } {
  if (contentType === undefined || contentType === '') return {}
  return { cty: /^application\/[^/;]+$/i.test(contentType) ? contentType.slice('application/'.length) : contentType }
}
