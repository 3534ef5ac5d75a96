import { createLocalJWKSet, errors, jwtVerify } from 'jose'
import type { Clock } from '../../runtime/core/time/clock.ts'
import type { Log } from '../../runtime/core/log.ts'
import type { TokenMarks } from '../../runtime/core/access/clients.ts'
import type { AccessTokens, Users } from '../contract.ts'
import { adminAudience, signingAlgorithm, toPublicKey, type Authority, type SigningKeyStore } from '../oauth-contract.ts'

/** Nothing longer is looked at. */
const longestToken = 8192
const skewSeconds = 60
const keysForMs = 30_000
/** Keys that nobody knows are looked for no more often. */
const againMs = 1000

export interface AccessTokensParts {
  readonly keys: Pick<SigningKeyStore, 'load'>
  readonly issuer: string
  readonly users: Pick<Users, 'get'>
  /** The applications that tokens are given to; one that was switched off is none. */
  readonly clients: Pick<Authority['clients'], 'get'>
  isRevoked(token: TokenMarks): boolean
  readonly clock: Clock
  readonly log: Log
}

/**
 * Tokens of our own authorization server, for the admin API. Verified with the keys in the store, so that server may be down
 * (RFC 9068 §4): issuer, audience, type, algorithm, times, that nobody took them back, and that user and application are there.
 */
export function createAccessTokens({ keys, issuer, users, clients, isRevoked, clock, log }: AccessTokensParts): AccessTokens {
  let known: { readonly atMs: number; readonly find: ReturnType<typeof createLocalJWKSet> } | undefined

  async function load(): Promise<ReturnType<typeof createLocalJWKSet>> {
    const saved = await keys.load()
    known = { atMs: clock.now(), find: createLocalJWKSet({ keys: (saved?.keys ?? []).map(toPublicKey) }) }
    return known.find
  }

  async function verify(token: string) {
    const check = async (find: ReturnType<typeof createLocalJWKSet>) =>
      await jwtVerify(token, find, { issuer, audience: adminAudience, algorithms: [signingAlgorithm], typ: 'at+jwt', clockTolerance: skewSeconds, currentDate: new Date(clock.now()), requiredClaims: ['exp', 'iat', 'jti', 'sub', 'client_id', 'gid'] })
    const fresh = known && clock.now() - known.atMs < keysForMs
    try {
      return (await check(fresh && known ? known.find : await load())).payload
    } catch (thrown) {
      if (!(thrown instanceof errors.JWKSNoMatchingKey) || !known || clock.now() - known.atMs < againMs) throw thrown
      return (await check(await load())).payload
    }
  }

  return {
    async verify(token) {
      if (token.length > longestToken || token.split('.').length !== 3) return undefined
      try {
        const { sub, jti, iat, gid, client_id: client, scope } = await verify(token)
        if (typeof sub !== 'string' || typeof jti !== 'string' || typeof iat !== 'number' || typeof gid !== 'string' || typeof client !== 'string') return undefined
        if (isRevoked({ issuer, token: jti, grant: gid, user: sub, client, issuedAtMs: iat * 1000 })) return undefined
        const user = await users.get(sub)
        if (!user || user.disabled || user.name !== sub) return undefined
        // What the application may not have any more, its token is good for no longer.
        const now = await clients.get(client)
        if (!now) return undefined
        return { user, client, scopes: typeof scope === 'string' ? scope.split(' ').filter((one) => now.scopes?.includes(one)) : [] }
      } catch (thrown) {
        if (!(thrown instanceof errors.JOSEError)) throw thrown
        log.debug?.({ code: thrown.code }, 'an access token was refused')
        return undefined
      }
    },
  }
}
