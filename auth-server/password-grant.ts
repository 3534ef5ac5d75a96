import type { IncomingMessage } from 'node:http'
import { errors, type Account, type KoaContextWithOIDC, type Provider, type ResourceServer } from 'oidc-provider'
import type { Authority } from '../control/oauth-contract.ts'

export const passwordGrant = 'password'

export interface PasswordGrantParts {
  readonly authority: Pick<Authority, 'people' | 'note'>
  /** Scopes that need no audience. */
  readonly statics: ReadonlySet<string>
  accountOf(user: string): Promise<Account | undefined>
  /** Address of whoever asks; failed sign-ins are counted against it. */
  fromOf(request: IncomingMessage): string
  /** The audience that is asked for, or the client's own. */
  resourceOf(ctx: KoaContextWithOIDC): Promise<string | undefined>
  /** What a token for it may be; knows the person by `ctx.oidc.account`. @throws InvalidTarget */
  infoOf(ctx: KoaContextWithOIDC, resource: string): Promise<ResourceServer>
}

/**
 * The password grant (RFC 6749 §4.3), for clients whose record says `legacyPassword` and for no other (RFC 9700 §2.4). A sign-in
 * like any: slowed down after failures, written to the audit log.
 */
export function registerPasswordGrant(provider: Provider, { authority, statics, accountOf, fromOf, resourceOf, infoOf }: PasswordGrantParts): void {
  provider.registerGrantType(passwordGrant, async (ctx) => {
    const { client } = ctx.oidc
    const { username, password, resource: asked } = ctx.oidc.params as Readonly<Record<string, unknown>>
    if (!client) throw new errors.InvalidClient('client is unknown')
    if (typeof username !== 'string' || typeof password !== 'string') throw new errors.InvalidRequest('missing required parameter(s) username or password')
    if (asked !== undefined && typeof asked !== 'string') throw new errors.InvalidTarget('only a single resource indicator value is supported for this grant type')
    const from = fromOf(ctx.req)
    const user = await authority.people.authenticate(username, password, from).catch((thrown: { code?: unknown; message: string }) => {
      if (thrown.code === 'signin.slow') throw new errors.CustomOIDCProviderError('slow_down', thrown.message)
      throw thrown
    })
    if (!user) throw new errors.InvalidGrant('username or password is wrong')
    const account = await accountOf(user.name)
    if (!account) throw new errors.InvalidGrant('username or password is wrong')
    ctx.oidc.entity('Account', account)
    await authority.note(user.name, 'oauth.password_grant', { client: client.clientId }, from)

    const wanted = [...(ctx.oidc.requestParamScopes ?? [])]
    const resource = await resourceOf(ctx)
    const grant = new provider.Grant({ accountId: user.name, clientId: client.clientId })
    const info = resource === undefined ? undefined : await infoOf(ctx, resource)
    const offered = new Set(info ? (info.scope ?? '').split(' ') : statics)
    const scope = wanted.filter((one) => offered.has(one) && one !== 'openid').join(' ')
    if (resource !== undefined) grant.addResourceScope(resource, scope)
    else if (scope !== '') grant.addOIDCScope(scope)
    const grantId = await grant.save()
    const common = { accountId: user.name, client, grantId, gty: passwordGrant }
    const token = new provider.AccessToken({ ...common, scope: scope === '' ? undefined : scope } as never)
    if (resource !== undefined && info) token.resourceServer = new provider.ResourceServer(resource, info)
    ctx.oidc.entity('AccessToken', token)
    const value = await token.save()
    const refresh = client.grantTypeAllowed('refresh_token')
      ? await new provider.RefreshToken({ ...common, scope, resource, rotations: 0 } as never).save()
      : undefined
    ctx.body = { access_token: value, expires_in: token.expiration, token_type: token.tokenType, ...(scope === '' ? {} : { scope }), ...(refresh === undefined ? {} : { refresh_token: refresh }) }
  }, ['username', 'password', 'scope', 'resource'])
}
