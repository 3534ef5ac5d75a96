import type { FaultCode } from '../../runtime/core/faults.ts'
import type { Method } from './verdict.ts'

/** What a bearer token's refusal is called on the wire (RFC 6750 §3.1). */
const bearerErrors: Partial<Record<FaultCode, string>> = {
  'auth.invalid_token': 'invalid_token',
  'auth.expired': 'invalid_token',
  'auth.revoked': 'invalid_token',
  'auth.scope': 'insufficient_scope',
}

/** Value of `WWW-Authenticate` (RFC 9110 §11.6.1): one challenge for each scheme that the node takes, in its order. */
export function toChallenges(methods: readonly Method[], realm: string, code: FaultCode, missing: readonly string[] | undefined): string {
  const seen = new Set<string>()
  const challenges: string[] = []
  for (const { scheme, parameters } of methods) {
    const parts = [`realm=${quoted(realm)}`]
    if (parameters !== undefined) parts.push(parameters)
    const error = scheme === 'Bearer' ? bearerErrors[code] : undefined
    if (error !== undefined) parts.push(`error="${error}"`)
    if (error === 'insufficient_scope' && missing) parts.push(`scope=${quoted(missing.join(' '))}`)
    const challenge = `${scheme} ${parts.join(', ')}`
    if (seen.has(challenge)) continue
    seen.add(challenge)
    challenges.push(challenge)
  }
  return challenges.join(', ')
}

function quoted(text: string): string {
  return `"${text.replace(/[^\x20-\x7e]/g, '?').replace(/["\\]/g, '\\$&')}"`
}
