import { createHash } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import { errors, Provider, type Configuration, type KoaContextWithOIDC, type ResourceServer } from 'oidc-provider'
import { adminAudience, signingAlgorithm, type Authority, type SigningKey } from '../control/oauth-contract.ts'
import type { Log } from '../runtime/core/log.ts'
import { html, Html } from '../portal/html.ts'
import { createAdapter } from './adapter.ts'
import { toGrantMark } from './grant-mark.ts'
import { drawPage, pageHeaders } from './page.ts'
import { passwordGrant, registerPasswordGrant } from './password-grant.ts'
import { createSignedRevocation } from './revoke-signed.ts'
import { adminScopesFor, apiPrefix, apiScopesFor } from './scopes.ts'
import { chooseLanguage, createSay, type Language, type Say } from './texts.ts'

export interface ProviderParts {
  readonly authority: Authority
  readonly issuer: string
  /** The one that signs first. */
  readonly keys: readonly SigningKey[]
  readonly accessTokenSeconds: number
  readonly log: Log
  /** Address of whoever sent a request. */
  fromOf(request: IncomingMessage): string
}

const minuteSeconds = 60
const daySeconds = 86_400
const statics = new Set(['openid', 'offline_access', 'profile'])

/** oidc-provider as we want it: RFC 9700 where that leaves a choice, and no grant that is not named here. */
export function createProvider({ authority, issuer, keys, accessTokenSeconds, log, fromOf }: ProviderParts): Provider {
  const { people, clients } = authority

  async function accountOf(sub: string) {
    const user = await people.get(sub)
    if (!user || user.disabled) return undefined
    return { accountId: user.name, claims: async () => ({ sub: user.name, name: user.name, role: user.role }) }
  }

  async function defaultResource(ctx: KoaContextWithOIDC, clientId: string): Promise<string | undefined> {
    const wanted = [...(ctx.oidc.requestParamScopes ?? [])]
    // Somebody only signs in: such a token is for asking who it is.
    if (wanted.includes('openid') && wanted.every((scope) => statics.has(scope))) return undefined
    return (await clients.get(clientId))?.resources?.[0]
  }

  /** What a token for a resource may be. The person bounds it as soon as she is known, and when it is made she is. */
  async function resourceInfo(ctx: KoaContextWithOIDC, resource: string, clientId: string): Promise<ResourceServer> {
    const record = await clients.get(clientId)
    if (!record) throw new errors.InvalidTarget()
    const person = ctx.oidc.account?.accountId ?? ctx.oidc.session?.accountId
    const standing = person === undefined ? undefined : await authority.standing(person)
    if (person !== undefined && !standing) throw new errors.InvalidTarget()
    const program = ctx.oidc.route === 'token' && person === undefined
    const info = (audience: string, scopes: readonly string[]) =>
      ({ scope: scopes.join(' '), audience, accessTokenTTL: accessTokenSeconds, accessTokenFormat: 'jwt', jwt: { sign: { alg: signingAlgorithm } } }) as const
    const { scopes = [], resources = [] } = record
    if (resource === adminAudience) {
      // For people only, through clients that somebody gave such a scope.
      if (program || adminScopesFor(scopes, authority.adminScopes, undefined).length === 0) throw new errors.InvalidTarget()
      return info(adminAudience, adminScopesFor(scopes, authority.adminScopes, standing))
    }
    if (resource.startsWith(apiPrefix)) {
      const api = await authority.api(resource.slice(apiPrefix.length))
      if (!api) throw new errors.InvalidTarget()
      return info(api.id, apiScopesFor(scopes, api, standing, program && record.organisation !== api.organisation))
    }
    if (!resources.includes(resource)) throw new errors.InvalidTarget()
    return info(resource, scopes)
  }

  const configuration: Configuration = {
    adapter: (kind: string) => createAdapter(kind, authority),
    jwks: { keys: keys.map(({ jwk }) => jwk) as never },
    responseTypes: ['code'],
    scopes: [...statics],
    claims: { openid: ['sub'], profile: ['name', 'role'] },
    clientAuthMethods: ['client_secret_basic', 'client_secret_post', 'private_key_jwt', 'none'],
    clientDefaults: { id_token_signed_response_alg: signingAlgorithm, grant_types: [], response_types: [], token_endpoint_auth_method: 'client_secret_basic' },
    enabledJWA: { idTokenSigningAlgValues: [signingAlgorithm], clientAuthSigningAlgValues: ['RS256', 'PS256', 'PS512', 'ES256', 'ES384', 'EdDSA', 'Ed25519'] },
    pkce: { required: () => true },
    rotateRefreshToken: () => true,
    issueRefreshToken: async (_ctx, client) => client.grantTypeAllowed('refresh_token'),
    expiresWithSession: async () => false,
    async extraTokenClaims(_ctx, token) {
      if (!('grantId' in token) || typeof token.grantId !== 'string') return undefined
      const resource = token.resourceServer?.identifier() ?? ''
      const api = resource.startsWith(apiPrefix) ? await authority.api(resource.slice(apiPrefix.length)) : undefined
      return { gid: toGrantMark(token.grantId), ...(api ? { org: api.organisation } : {}) }
    },
    cookies: {
      keys: [authority.cookieKey],
      long: { signed: true, httpOnly: true, sameSite: 'lax' },
      short: { signed: true, httpOnly: true, sameSite: 'lax' },
    },
    interactions: { url: (_ctx, interaction) => `/interaction/${interaction.uid}` },
    findAccount: (_ctx, sub) => accountOf(sub),
    async loadExistingGrant(ctx) {
      const { client, session, result } = ctx.oidc
      if (!client || !session?.accountId) return undefined
      const grantId = result?.consent?.grantId ?? session.grantIdFor(client.clientId)
      const grant = grantId === undefined ? undefined : await provider.Grant.find(grantId)
      if (grant || !(await clients.get(client.clientId))?.own) return grant
      // Who signs in to Sluice itself is not asked whether Sluice may know who it is.
      const own = new provider.Grant({ accountId: session.accountId, clientId: client.clientId })
      own.addOIDCScope('openid')
      await own.save()
      return own
    },
    ttl: {
      AccessToken: accessTokenSeconds,
      ClientCredentials: accessTokenSeconds,
      AuthorizationCode: minuteSeconds,
      DeviceCode: 10 * minuteSeconds,
      IdToken: accessTokenSeconds,
      Interaction: 60 * minuteSeconds,
      Session: daySeconds,
      RefreshToken: 14 * daySeconds,
      Grant: 14 * daySeconds,
    },
    features: {
      devInteractions: { enabled: false },
      clientCredentials: { enabled: true },
      introspection: { enabled: true, allowedPolicy: mayIntrospect },
      revocation: { enabled: true, allowedPolicy: async (_ctx, client, token) => token.clientId === client.clientId },
      userinfo: { enabled: true },
      deviceFlow: {
        enabled: true,
        userCodeInputSource: async (ctx, form, _out, error) =>
          showForm(ctx, 'device', (say) => html`<p${error && html` class="bad" role="alert"`}>${say(error ? 'wrongCode' : 'enterCode')}</p>${new Html(withoutHandlers(form).replace('placeholder="Enter code"', html`aria-label="${say('code')}"`.toString()))}<p class="row"><button class="primary" form="op.deviceInputForm">${say('go')}</button></p>`),
        userCodeConfirmSource: async (ctx, form, client, _info, code) =>
          showForm(ctx, 'confirmDevice', (say) => html`<p><code>${code}</code></p><p>${say('confirmText', { client: client.clientName ?? client.clientId })}</p>${new Html(form)}
<p class="row"><button class="primary" form="op.deviceConfirmForm">${say('go')}</button><button form="op.deviceConfirmForm" name="abort" value="yes">${say('cancel')}</button></p>`),
        successSource: async (ctx) => showForm(ctx, 'device', (say) => html`<p>${say('deviceDone')}</p>`),
      },
      rpInitiatedLogout: {
        enabled: true,
        logoutSource: async (ctx, form) =>
          showForm(ctx, 'signOut', (say) => html`<p>${say('signOutText')}</p>${new Html(form)}
<p class="row"><button class="primary" form="op.logoutForm" name="logout" value="yes">${say('signOut')}</button><button form="op.logoutForm">${say('stay')}</button></p>`),
        postLogoutSuccessSource: async (ctx) => showForm(ctx, 'signOut', (say) => html`<p>${say('signedOut')}</p>`),
      },
      resourceIndicators: {
        enabled: true,
        async defaultResource(ctx, client, oneOf) {
          return (oneOf ?? (await defaultResource(ctx, client.clientId))) as string
        },
        useGrantedResource: async () => true,
        getResourceServerInfo: (ctx, resource, client) => resourceInfo(ctx, resource, client.clientId),
      },
    },
    renderError: async (ctx, out) => showForm(ctx, 'failed', () => html`<p>${out.error_description ?? out.error}</p><p><small>${out.error}</small></p>`),
  }
  const provider = new Provider(issuer, configuration)
  // What stands in front is told by the issuer alone; the server sets these headers itself.
  provider.proxy = true
  registerPasswordGrant(provider, {
    authority, statics, accountOf, fromOf,
    resourceOf: async (ctx) => (typeof ctx.oidc.params?.['resource'] === 'string' ? ctx.oidc.params['resource'] : await defaultResource(ctx, ctx.oidc.client?.clientId ?? '')),
    infoOf: (ctx, resource) => resourceInfo(ctx, resource, ctx.oidc.client?.clientId ?? ''),
  })
  // It is a way for those who were told of it, not one to be found.
  provider.use(async (ctx, next) => {
    await next()
    const { grant_types_supported: grants } = ctx.oidc?.route === 'discovery' ? (ctx.body as { grant_types_supported: string[] }) : {}
    if (grants) Object.assign(ctx.body as object, { grant_types_supported: grants.filter((grant) => grant !== passwordGrant) })
  })
  provider.use(createSignedRevocation(keys, issuer, authority.revocations))
  // The record holds what a secret is checked against, never the secret.
  const { prototype } = provider.Client as unknown as { prototype: { clientSecret?: string; compareClientSecret(secret: string): Promise<boolean> } }
  prototype.compareClientSecret = async function compareClientSecret(secret) {
    return this.clientSecret !== undefined && (await clients.checkSecret(secret, this.clientSecret))
  }
  provider.on('server_error', (_ctx, error) => log.error({ reason: error.message }, 'the authorization server failed at a request'))
  provider.on('grant.error', (ctx, error) => log.info({ client: ctx.oidc.client?.clientId, code: error.error, reason: error.error_detail ?? error.error_description }, 'a token was refused'))
  provider.on('grant.revoked', (ctx, grantId) => log.info({ client: ctx.oidc.client?.clientId, grant: createHash('sha256').update(grantId).digest('hex').slice(0, 16) }, 'a grant was revoked'))
  return provider
}

/** Resource servers have a secret, and ask about access tokens; what renews them is its client's business alone. */
async function mayIntrospect(_ctx: KoaContextWithOIDC, client: { readonly clientId: string; readonly clientAuthMethod?: string }, token: { readonly clientId?: string; readonly kind?: string }): Promise<boolean> {
  return token.clientId === client.clientId || (client.clientAuthMethod !== 'none' && token.kind !== 'RefreshToken')
}

/** Nothing runs on the pages: what the library's form would run is left out rather than refused by the browser. */
function withoutHandlers(form: string): string {
  return form.replaceAll(/ on[a-z]+="[^"]*"/g, '')
}

function showForm(ctx: KoaContextWithOIDC, title: Parameters<Say>[0], draw: (say: Say) => Html): void {
  const language: Language = chooseLanguage(undefined, ctx.get('accept-language'))
  const say = createSay(language)
  ctx.set(pageHeaders)
  ctx.body = drawPage(language, say(title), draw(say))
}
