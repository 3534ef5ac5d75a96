import type { TokenMarks, TokenRevocation } from './clients.ts'
import { memberName, revocationId, type Revoked } from './revocation-id.ts'

interface Ended {
  readonly untilMs: number
  readonly beforeMs: number
}

/** Tokens that were taken back, found in constant time. What has ended by itself is forgotten when others come. */
export function createRevoked() {
  const ended = new Map<string, Ended>()

  function names(mark: string | undefined, what: Revoked, issuer: string, issuedAtMs: number): boolean {
    if (mark === undefined) return false
    const found = ended.get(`${issuer}\0${revocationId(what, mark)}`)
    return found !== undefined && issuedAtMs <= found.beforeMs
  }

  return {
    revoke(list: readonly TokenRevocation[], nowMs: number): void {
      for (const [key, { untilMs }] of ended) if (untilMs <= nowMs) ended.delete(key)
      for (const { issuer, id, untilMs, beforeMs = Number.POSITIVE_INFINITY } of list) {
        if (untilMs <= nowMs) continue
        const key = `${issuer}\0${id}`
        const before = ended.get(key)
        ended.set(key, before ? { untilMs: Math.max(untilMs, before.untilMs), beforeMs: Math.max(beforeMs, before.beforeMs) } : { untilMs, beforeMs })
      }
    },
    isRevoked({ issuer, token, grant, user, organisation, client, issuedAtMs = Number.NEGATIVE_INFINITY }: TokenMarks): boolean {
      if (ended.size === 0) return false
      return names(token, 'jti', issuer, issuedAtMs) || names(grant, 'grant', issuer, issuedAtMs) || names(user, 'user', issuer, issuedAtMs) ||
        names(user === undefined || organisation === undefined ? undefined : memberName(organisation, user), 'member', issuer, issuedAtMs) || names(client, 'client', issuer, issuedAtMs)
    },
  }
}
