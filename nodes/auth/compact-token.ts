import { BoundedMap } from '../../runtime/core/bounded-map.ts'
import { ownText } from '../../runtime/core/values/own-text.ts'
import { parseStrictObject } from './strict-json.ts'

/** A signed token's parts that are read before its signature is: to choose who checks it, and for nothing else. */
export interface CompactToken {
  /** What is signed: header and claims as they came. */
  readonly signed: Buffer
  readonly signature: Buffer
  readonly header: { readonly alg: string; readonly kid?: string; readonly crit?: unknown; readonly b64?: unknown }
  readonly claims: Readonly<Record<string, unknown>>
  /** `iss` as the token claims it. */
  readonly claimedIssuer: string | undefined
}

/** Longer ones are neither hashed nor read. */
export const longestToken = 16_384
const shape = /^([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)$/

/**
 * Reads a token strictly: base64url without padding, without bits that mean nothing, header and claims objects.
 * @returns the reason, as a text, when it is none
 */
export function parseCompact(text: string): CompactToken | string {
  if (text.length > longestToken) return `longer than ${longestToken} characters`
  const match = shape.exec(text)
  if (!match) return 'not three parts of base64url'
  for (let part = 1; part <= 3; part += 1) if (!isCanonical(match[part] as string)) return 'base64url with stray bits'
  const header = headerOf(match[1] as string)
  const claims = parseStrictObject(Buffer.from(match[2] as string, 'base64url'))
  if (!header || !claims) return 'header or claims are no JSON object, or say something twice'
  if (typeof header['alg'] !== 'string') return 'no algorithm in the header'
  if (!isForAccess(header['typ'])) return 'its type is that of a token for something else'
  if (header['kid'] !== undefined && (typeof header['kid'] !== 'string' || header['kid'].length > 512)) return 'kid is no short text'
  return {
    signed: Buffer.from(text.slice(0, text.lastIndexOf('.')), 'latin1'),
    signature: Buffer.from(match[3] as string, 'base64url'),
    header: header as unknown as CompactToken['header'],
    claims,
    claimedIssuer: typeof claims['iss'] === 'string' ? claims['iss'] : undefined,
  }
}

/** Headers as texts: all tokens of one key have the very same. */
const headers = new BoundedMap<Record<string, unknown>>(64)
const longestKept = 256

function headerOf(part: string): Record<string, unknown> | undefined {
  const known = headers.get(part)
  if (known) return known
  const header = parseStrictObject(Buffer.from(part, 'base64url'))
  if (header && part.length <= longestKept) headers.set(ownText(part), Object.freeze(header))
  return header
}

const digits = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'

/** RFC 4648 §3.5: one text for one value. The bits of the last digit that belong to no byte are zero. */
function isCanonical(part: string): boolean {
  const left = part.length % 4
  if (left === 0) return true
  const last = digits.indexOf(part.at(-1) as string)
  return left === 2 ? (last & 15) === 0 : left === 3 && (last & 3) === 0
}

/** Whether a `typ` is that of a token that lets in: tokens with a purpose of their own name another one (RFC 8725 §3.11, RFC 9068 §2.1). */
function isForAccess(typ: unknown): boolean {
  if (typ === undefined) return true
  if (typeof typ !== 'string') return false
  const name = typ.toLowerCase().replace(/^application\//, '')
  return name === 'at+jwt' || !name.endsWith('+jwt')
}
