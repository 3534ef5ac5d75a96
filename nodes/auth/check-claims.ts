import type { Claims } from './token-claims.ts'

export interface Expected {
  readonly issuer: string
  /** One of them must be in `aud`. */
  readonly audiences: readonly string[]
  readonly nowMs: number
  /** How far clocks may be apart. */
  readonly skewSeconds: number
}

/** What is wrong with the claims of a token whose signature is right, if anything. */
export type WrongClaims = { readonly ended: true } | { readonly reason: string }

/**
 * Issuer, audience and times of a signed token (RFC 7519 §4.1). A token without an end is not taken; a time that is no number
 * is wrong, also where it is not needed.
 */
export function checkClaims(claims: Claims, { issuer, audiences, nowMs, skewSeconds }: Expected): WrongClaims | undefined {
  for (const name of ['exp', 'iss', 'aud'] as const) if (claims[name] === undefined) return { reason: `its claim ${name} is missing` }
  if (claims.iss !== issuer) return wrong('iss')
  const { aud } = claims
  const named = typeof aud === 'string' ? [aud] : Array.isArray(aud) && aud.every((one) => typeof one === 'string') ? (aud as string[]) : undefined
  if (!named?.some((one) => audiences.includes(one))) return wrong('aud')
  for (const name of ['exp', 'nbf', 'iat'] as const) if (claims[name] !== undefined && !Number.isFinite(claims[name])) return wrong(name)
  const now = Math.floor(nowMs / 1000)
  if (claims.nbf !== undefined && (claims.nbf as number) > now + skewSeconds) return wrong('nbf')
  if ((claims.exp as number) <= now - skewSeconds) return { ended: true }
  return undefined
}

function wrong(name: string): WrongClaims {
  return { reason: `its claim ${name} is not as it must be` }
}
