import type { JWTHeaderParameters } from 'jose'

/** A signed token's parts that are read before its signature is: to choose who checks it, and for nothing else. */
export interface CompactToken {
  readonly text: string
  readonly header: JWTHeaderParameters & { readonly alg: string }
  /** `iss` as the token claims it. */
  readonly claimedIssuer: string | undefined
}

const longest = 16_384
const shape = /^([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)$/

/** Whether a text has the shape of a signed token (RFC 7515 §7.1); everything else is opaque. */
export function isCompact(text: string): boolean {
  return shape.test(text)
}

/**
 * Reads a token strictly: base64url without padding, without bits that mean nothing, header and claims objects.
 * @returns the reason, as a text, when it is none
 */
export function parseCompact(text: string): CompactToken | string {
  if (text.length > longest) return `longer than ${longest} characters`
  const match = shape.exec(text)
  if (!match) return 'not three parts of base64url'
  for (const part of match.slice(1)) if (!isCanonical(part)) return 'base64url with stray bits'
  const header = toObject(match[1] as string)
  const claims = toObject(match[2] as string)
  if (!header || !claims) return 'header or claims are no JSON object'
  if (typeof header['alg'] !== 'string') return 'no algorithm in the header'
  if (header['kid'] !== undefined && (typeof header['kid'] !== 'string' || header['kid'].length > 512)) return 'kid is no short text'
  return { text, header: header as CompactToken['header'], claimedIssuer: typeof claims['iss'] === 'string' ? claims['iss'] : undefined }
}

/** RFC 4648 §3.5: one text for one value. */
function isCanonical(part: string): boolean {
  return Buffer.from(part, 'base64url').toString('base64url') === part
}

function toObject(part: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(Buffer.from(part, 'base64url').toString('utf8'))
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : undefined
  } catch {
    return undefined
  }
}
