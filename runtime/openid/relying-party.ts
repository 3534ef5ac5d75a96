import * as client from 'openid-client'
import type { Clock } from '../core/time/clock.ts'
import type { RelyingParty } from '../core/access/relying-party.ts'

export interface RelyingPartyOptions {
  /** As it names itself; its metadata lie below it (OpenID Connect Discovery §4). */
  readonly issuer: string
  readonly clientId: string
  readonly clientSecret: string
  /** With `openid` in it. */
  readonly scope: string
  readonly clock: Clock
  /** How the issuer is reached; the platform's when absent. */
  readonly fetch?: client.CustomFetch | undefined
  /** Also by http: for an issuer on this machine, or behind a proxy that is trusted with it. */
  readonly insecure?: boolean
}

/** `code`: `unavailable`, `denied` (the person, or the issuer, said no) or `invalid`. */
export class SignInFailed extends Error {
  override readonly name = 'SignInFailed'
  readonly code: 'unavailable' | 'denied' | 'invalid'
  constructor(code: SignInFailed['code'], message: string, cause?: unknown) {
    super(message, cause === undefined ? {} : { cause })
    this.code = code
  }
}

/** The issuer's metadata and keys are asked for again after so long. */
const keepMs = 600_000
const timeoutSeconds = 10

/**
 * OpenID Connect by authorization code with PKCE (S256), state and nonce. Of the answer the library checks state, issuer (RFC
 * 9207), and of the ID token signature, issuer, audience, nonce and times (OpenID Connect Core §3.1.3.7).
 */
export function createRelyingParty({ issuer, clientId, clientSecret, scope, clock, fetch, insecure = false }: RelyingPartyOptions): RelyingParty {
  let known: { readonly atMs: number; readonly config: Promise<client.Configuration> } | undefined

  async function configuration(): Promise<client.Configuration> {
    if (!known || clock.now() - known.atMs > keepMs) {
      const config = client.discovery(new URL(issuer), clientId, undefined, authenticate, {
        timeout: timeoutSeconds,
        ...(insecure ? { execute: [client.allowInsecureRequests] } : {}),
        ...(fetch ? { [client.customFetch]: fetch } : {}),
      })
      known = { atMs: clock.now(), config }
    }
    try {
      return await known.config
    } catch (thrown) {
      known = undefined
      throw new SignInFailed('unavailable', `The issuer ${issuer} is not to be reached.`, thrown)
    }
  }

  const authenticate: client.ClientAuth = (server, ...rest) => {
    const methods = server.token_endpoint_auth_methods_supported
    const byPost = methods !== undefined && !methods.includes('client_secret_basic') && methods.includes('client_secret_post')
    return (byPost ? client.ClientSecretPost(clientSecret) : client.ClientSecretBasic(clientSecret))(server, ...rest)
  }

  return {
    async depart({ redirectUri, language }) {
      const config = await configuration()
      const departure = { state: client.randomState(), nonce: client.randomNonce(), verifier: client.randomPKCECodeVerifier() }
      const url = client.buildAuthorizationUrl(config, {
        redirect_uri: redirectUri,
        scope,
        state: departure.state,
        nonce: departure.nonce,
        code_challenge: await client.calculatePKCECodeChallenge(departure.verifier),
        code_challenge_method: 'S256',
        ...(language === undefined ? {} : { ui_locales: language }),
      })
      return { url: url.href, departure }
    },
    async arrive({ redirectUri, search, departure }) {
      const config = await configuration()
      const current = new URL(redirectUri)
      current.search = search
      try {
        const tokens = await client.authorizationCodeGrant(config, current, {
          pkceCodeVerifier: departure.verifier, expectedState: departure.state, expectedNonce: departure.nonce, idTokenExpected: true,
        })
        const claims = tokens.claims()
        if (!claims || tokens.id_token === undefined) throw new SignInFailed('invalid', 'There is no ID token.')
        return { claims, idToken: tokens.id_token }
      } catch (thrown) {
        if (thrown instanceof SignInFailed) throw thrown
        // Its keys may have changed, or the issuer itself.
        known = undefined
        if (thrown instanceof client.AuthorizationResponseError) throw new SignInFailed('denied', `The issuer said ${thrown.error}.`, thrown)
        if (thrown instanceof TypeError || (thrown as { code?: string }).code === 'OAUTH_TIMEOUT') throw new SignInFailed('unavailable', 'The issuer did not answer.', thrown)
        throw new SignInFailed('invalid', `What came back is not as it must be (${(thrown as { code?: string; error?: string }).error ?? (thrown as { code?: string }).code ?? 'unknown'}).`, thrown)
      }
    },
    async leaveUrl({ idToken, returnTo }) {
      const config = await configuration()
      if (config.serverMetadata().end_session_endpoint === undefined) return undefined
      return client.buildEndSessionUrl(config, { id_token_hint: idToken, post_logout_redirect_uri: returnTo }).href
    },
  }
}
