import { createHash } from 'node:crypto'
import { fault } from '../../runtime/core/fault.ts'
import type { Message } from '../../runtime/core/message.ts'
import { getProperty, type PropertyPath } from '../../runtime/core/values/property.ts'
import type { RequestFacts } from '../../runtime/core/http/request-facts.ts'
import { canonicalJson } from './canonical-json.ts'

const longestKey = 255

/**
 * The key a caller gives in a header, as draft-ietf-httpapi-idempotency-key-header writes it (a quoted string of
 * RFC 8941 §3.3.3) or bare, as most clients send it; both forms name the same key. `undefined` when there is none.
 * @throws Fault `idem.invalid`
 */
export function keyOfHeader(name: string, request: RequestFacts | undefined): string | undefined {
  const given = request?.headers[name.toLowerCase()]
  if (given === undefined) return undefined
  const text = (Array.isArray(given) ? given.join(', ') : given).trim()
  const key = text.length > 1 && text.startsWith('"') && text.endsWith('"') ? text.slice(1, -1).replace(/\\(["\\])/g, '$1') : text
  if (key === '') return undefined
  if (key.length > longestKey) throw fault('idem.invalid', { header: name, reason: `it is longer than ${longestKey} characters` })
  if (!/^[\x20-\x7e]+$/.test(key)) throw fault('idem.invalid', { header: name, reason: 'it holds characters that are not printable ASCII' })
  return key
}

/** A key made of fields of the message: equal values, equal key. `undefined` when none of them is there. */
export function keyOfFields(paths: readonly PropertyPath[], message: Message): string | undefined {
  const values = paths.map((path) => getProperty(message, path))
  if (values.every((value) => value === undefined || value === null || value === '')) return undefined
  return createHash('sha256').update(canonicalJson(values.map((value) => value ?? null))).digest('base64url')
}
