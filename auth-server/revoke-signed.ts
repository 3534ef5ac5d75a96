import { createLocalJWKSet, errors, jwtVerify } from 'jose'
import type { KoaContextWithOIDC } from 'oidc-provider'
import { signingAlgorithm, toPublicKey, type SigningKey, type TokenRevocations } from '../control/oauth-contract.ts'

/**
 * Lets clients take back a signed access token (RFC 7009), which oidc-provider refuses because it keeps none: by then it knows
 * which client asks. What is no token of ours, or has ended, is answered as if it had been taken back (§2.2).
 */
export function createSignedRevocation(keys: readonly SigningKey[], issuer: string, revocations: TokenRevocations) {
  const known = createLocalJWKSet({ keys: keys.map(toPublicKey) })
  return async function revokeSigned(ctx: KoaContextWithOIDC, next: () => Promise<void>): Promise<void> {
    await next()
    if (ctx.oidc?.route !== 'revocation' || (ctx.body as { error?: unknown } | undefined)?.error !== 'unsupported_token_type') return
    const { client, params } = ctx.oidc
    if (!client) return
    try {
      const { payload } = await jwtVerify(String(params?.['token']), known, { issuer, algorithms: [signingAlgorithm], typ: 'at+jwt', requiredClaims: ['jti', 'exp'] })
      if (payload['client_id'] === client.clientId) await revocations.token({ id: payload.jti as string, client: client.clientId, endsAtMs: (payload.exp as number) * 1000 })
    } catch (thrown) {
      if (!(thrown instanceof errors.JOSEError)) throw thrown
    }
    ctx.status = 200
    ctx.body = ''
  }
}
